"""Text files that people write: any line ends, and any encoding that is certain."""

from __future__ import annotations

import gzip
import re
import shlex
import zlib
from pathlib import Path

from loop.errors import CorruptFileError, MissingAssetError, ScscError

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SHARED_BY_WINDOWS = re.compile(rb"[\x00-\x7f\x85\x91-\x97\xa0]*")
"""Quotes, dashes, dots and the hard space lie here in every Western or Cyrillic Windows code page,
so that a file without other bytes above ASCII reads the same in all of them."""


def decode_text(data: bytes, path: Path | str, error: type[ScscError] = CorruptFileError) -> str:
    """Decode a text file; line ends of Windows and of the old Mac become newlines.

    UTF-8 with or without mark, UTF-16 and UTF-32 with one, UTF-16 without where every other byte is
    zero, and Windows code pages where only the punctuation that they share is not ASCII.

    Args:
        data: the bytes of the file.
        path: of the file, for the message.
        error: class of what is raised.

    Raises:
        CorruptFileError: another encoding, or no text; says in which line.
    """
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    body = data[len(mark) :]
    if not mark and len(body) > 1 and b"\0" in body:
        low, high = body[1::2].count(0), body[0::2].count(0)
        if max(low, high) > 0.8 * len(body) / 2 and min(low, high) == 0:
            encoding = "utf-16-le" if low else "utf-16-be"
    if not mark and encoding == "utf-8" and _SHARED_BY_WINDOWS.fullmatch(body):
        encoding = "ascii" if body.isascii() else "cp1252"
    try:
        text = body.decode(encoding)
        if "\0" in text:
            raise UnicodeDecodeError(encoding, body, body.find(b"\0"), body.find(b"\0") + 1, "NUL")
    except UnicodeDecodeError as problem:
        this, other = shlex.quote(str(path)), shlex.quote(f"{path}.utf8")
        line = len(re.findall(rb"\r\n|\r|\n", body[: problem.start])) + 1
        raise error(
            "The encoding of a text file cannot be told.",
            path=f"{path}:{line}",
            found=f"byte 0x{body[problem.start]:02x} in line {line}: {problem.reason}",
            expected="UTF-8 text",
            remedy="save it as UTF-8 in your editor; for a file of Windows: "
            f"iconv -f CP1252 -t UTF-8 {this} -o {other} && mv {other} {this}",
        ) from problem
    lines = text.removesuffix("\x1a").replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("^\ufeff+", "", lines, flags=re.MULTILINE)  # files with marks, one after another


def read_text(
    path: Path | str,
    what: str = "text file",
    remedy: str | None = None,
    error: type[ScscError] = CorruptFileError,
) -> str:
    """Read a text file, gzipped where its name ends in `.gz`; see `decode_text`.

    Args:
        path: the file.
        what: it is, for messages.
        remedy: what a user without it can do.
        error: class of what is raised for a file that is there.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it cannot be read, or its encoding cannot be told.
    """
    path = Path(path)
    if not path.exists():
        raise MissingAssetError(f"There is no such {what}.", path=path, remedy=remedy)
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as problem:
        raise error(
            f"The {what} cannot be read.",
            path=path,
            found=problem,
            expected="a gzipped text file" if path.suffix == ".gz" else "a text file",
            remedy=remedy or "restore the file, or fetch it again",
        ) from problem
    return decode_text(data, path, error)


def read_lines(path: Path | str, what: str = "text file", remedy: str | None = None) -> list[str]:
    """Read the lines of a text file that say something, without blanks and tabs around them.

    Raises:
        MissingAssetError, CorruptFileError: see `read_text`.
    """
    # str.splitlines would also part a line at U+2028 and the like.
    lines = (line.strip() for line in read_text(path, what, remedy).split("\n"))
    return [line for line in lines if line]
