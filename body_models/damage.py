"""What goes wrong inside numpy, scipy, torch, pickle and zipfile when a file is damaged.

None of them promises which errors it raises; these are those that corrupt bytes were seen to cause.
"""

from __future__ import annotations

import pickle
import struct
import tokenize
import zipfile
import zlib

DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    NameError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    RuntimeError,
    pickle.UnpicklingError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
