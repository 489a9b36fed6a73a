"""Word vectors and parts of speech of captions, as the published evaluator reads them.

The files `our_vab_data.npy` (N, 300), `our_vab_words.pkl` and `our_vab_idx.pkl` hold the GloVe
vectors of the words in HumanML3D. Tags come from the dataset's text files, so no tagger is needed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from body_models.damage import DAMAGE
from loop.errors import CorruptFileError, InvalidCaptionError, MissingAssetError, fetch_again

PREFIX = "our_vab"
MAX_WORDS = 20
"""Words of a caption that are read, without start and end."""
POS_TAGS = (
    *("VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV"),
    *("Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER"),
)
"""Order of the one-hot code (Guo et al., CVPR 2022)."""
_SPECIAL = {
    "Loc_VIP": "left right clockwise counterclockwise anticlockwise forward back backward up down "
    "straight curve",
    "Body_VIP": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "Obj_VIP": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "Act_VIP": "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop "
    "sit lift lower raise wash stand kneel stroll rub bend balance flap jog shuffle lean rotate "
    "spin spread climb",
    "Desc_VIP": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly",
}
SPECIAL_TAGS = {word: tag for tag, words in _SPECIAL.items() for word in words.split()}
"""Words whose tag is fixed, whatever the tagger said."""
FETCH = "bash prepare/download_glove.sh"


class WordVectors:
    """Looks tokens up.

    Args:
        vectors: (N, D) float.
        index: row of each known word; `unk`, `sos` and `eos` must be among them.

    Raises:
        CorruptFileError: a special word is missing, or a row is out of range.
    """

    def __init__(self, vectors: np.ndarray, index: Mapping[str, int]) -> None:
        if missing := {"unk", "sos", "eos"} - index.keys():
            raise CorruptFileError("word vectors lack special words", found=sorted(missing))
        if not all(0 <= row < len(vectors) for row in index.values()):
            raise CorruptFileError(
                "word index points outside the vectors", expected=f"rows 0 to {len(vectors) - 1}"
            )
        self._vectors = np.asarray(vectors, np.float32)
        self._index = dict(index)

    @property
    def dim(self) -> int:
        """Width of a word vector."""
        return self._vectors.shape[1]

    def encode(self, tokens: Sequence[str], padded: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Encode a caption framed by `sos` and `eos`: word vectors (L, D), one-hot tags (L, 15).

        L = min(len(tokens), 20) + 2. A word without a vector is `unk`, its tag OTHER.

        Args:
            tokens: `word/POS` as in HumanML3D's text files.
            padded: fill up with `unk` to L = 22, as published files are read.

        Raises:
            InvalidCaptionError: a token has no tag.
        """
        framed = ("sos/OTHER", *tokens[:MAX_WORDS], "eos/OTHER")
        if padded:
            framed += ("unk/OTHER",) * (MAX_WORDS + 2 - len(framed))
        rows, tags = [], np.zeros((len(framed), len(POS_TAGS)), np.float32)
        for place, token in enumerate(framed):
            word, slash, tag = token.rpartition("/")
            if not slash:
                raise InvalidCaptionError(
                    "caption token has no part of speech", found=token, expected="word/POS"
                )
            known = word in self._index
            tag = SPECIAL_TAGS.get(word, tag) if known else "OTHER"
            rows.append(self._index[word if known else "unk"])
            tags[place, POS_TAGS.index(tag if tag in POS_TAGS else "OTHER")] = 1.0
        return self._vectors[rows], tags


def read_word_vectors(folder: Path | str) -> WordVectors:
    """Read the vectors in a folder such as `glove/`.

    Raises:
        MissingAssetError: a file is missing.
        CorruptFileError: a file is damaged, or holds something else.
    """
    folder = Path(folder)
    paths = {name: folder / f"{PREFIX}_{name}" for name in ("data.npy", "words.pkl", "idx.pkl")}
    if missing := [path.name for path in paths.values() if not path.is_file()]:
        raise MissingAssetError(
            "word vectors are missing",
            path=folder,
            found=f"no {', '.join(missing)}",
            remedy=FETCH,
        )
    try:
        vectors = np.load(paths["data.npy"], allow_pickle=False)
    except DAMAGE as error:
        raise _corrupt(paths["data.npy"], error, "an array of vectors") from error
    words, index = (_read_plain(paths[name]) for name in ("words.pkl", "idx.pkl"))
    known = vectors.ndim == 2 and vectors.dtype.kind == "f"
    if not known or not (np.abs(vectors) < np.finfo(np.float32).max).all():
        found = f"{vectors.dtype} {vectors.shape}"
        raise _corrupt(paths["data.npy"], found, "finite vectors (N, 300)")
    if not isinstance(index, dict) or not all(isinstance(row, int) for row in index.values()):
        raise _corrupt(paths["idx.pkl"], type(index).__name__, "a dict of row numbers")
    if not isinstance(words, (list, tuple)) or not set(words) <= index.keys():
        raise _corrupt(paths["words.pkl"], type(words).__name__, "a list of the words in the index")
    return WordVectors(vectors, {word: index[word] for word in words})


class _PlainUnpickler(pickle.Unpickler):
    """Strings, numbers, lists and dicts; a pickle that names a function or class is refused."""

    def find_class(self, module: str, name: str, /) -> Any:
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")


def _read_plain(path: Path) -> Any:
    try:
        return _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except DAMAGE as error:
        raise _corrupt(path, error, "strings, numbers, lists and dicts") from error


def _corrupt(path: Path, found: object, expected: str) -> CorruptFileError:
    return CorruptFileError(
        "word vectors cannot be read",
        path=path,
        found=found,
        expected=expected,
        remedy=fetch_again(path, FETCH),
    )
