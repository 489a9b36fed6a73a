"""The published text-motion evaluator of Guo et al. (CVPR 2022), for the weights `finest.tar`.

Modules bear the published names. Unlike `model.motion_evaluator`, padding is visible to the
convolutions: the weights were trained so, on motions padded with zeros to 196 frames.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from loop.errors import CorruptFileError, fetch_again
from model.checkpoint import load_state
from model.published import read_published

MAX_FRAMES, UNIT = 196, 4
FEATURES, CONTACTS = 263, 4
WORD_DIM, POS_DIM = 300, 15
MOVEMENT, MOTION_HIDDEN, TEXT_HIDDEN, EMBEDDING = 512, 1024, 512, 512
FETCH = "bash prepare/download_t2m_evaluators.sh"
PARTS = ("movement_encoder", "motion_encoder", "text_encoder")


class T2MEvaluator(nn.Module):
    """Motions and captions to points in one space of 512 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.movement_encoder = _MovementEncoder()
        self.motion_encoder = _SequenceEncoder(MOVEMENT, MOTION_HIDDEN)
        self.text_encoder = _TextEncoder()

    def embed_motions(self, motions: Tensor, lengths: Tensor) -> Tensor:
        """Embed motions.

        Args:
            motions: (B, 196, 263) at 20 fps, normalised with the evaluator's own statistics, zero
                after each length.
            lengths: (B,) int64 frames, multiples of 4, at least 4.

        Returns:
            (B, 512).
        """
        return self.motion_encoder(self.movement_encoder(motions[..., :-CONTACTS]), lengths // UNIT)

    def embed_texts(self, words: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Embed word vectors (B, L, 300), one-hot tags (B, L, 15), lengths (B,) int64: (B, 512)."""
        return self.text_encoder(words, tags, lengths)


class _MovementEncoder(nn.Module):
    """(B, 4 n, 259) -> (B, n, 512): each convolution halves the rate."""

    def __init__(self) -> None:
        super().__init__()
        # The numbers in this sequence are those of the published parameters: main.0 and main.3.
        self.main = nn.Sequential(
            nn.Conv1d(FEATURES - CONTACTS, MOVEMENT, 4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(MOVEMENT, MOVEMENT, 4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
        )
        self.out_net = nn.Linear(MOVEMENT, MOVEMENT)

    def forward(self, motions: Tensor) -> Tensor:
        return self.out_net(self.main(motions.transpose(1, 2)).transpose(1, 2))


class _SequenceEncoder(nn.Module):
    """Linear layer, bidirectional GRU with a learned initial state, two-layer head."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.input_emb = nn.Linear(features, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.LayerNorm(hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, EMBEDDING),
        )
        self.hidden = nn.Parameter(torch.randn(2, 1, hidden))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map (B, L, features) and lengths (B,) to (B, 512)."""
        packed = pack_padded_sequence(
            self.input_emb(x), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed, self.hidden.expand(-1, len(x), -1).contiguous())
        return self.output_net(torch.cat([last[0], last[1]], dim=1))


class _TextEncoder(_SequenceEncoder):
    """A sequence encoder of word vectors, to which a code of the part of speech is added."""

    def __init__(self) -> None:
        super().__init__(WORD_DIM, TEXT_HIDDEN)
        self.pos_emb = nn.Linear(POS_DIM, WORD_DIM)

    def forward(self, words: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(words + self.pos_emb(tags), lengths)


def load_t2m_evaluator(path: Path | str, device: torch.device | str = "cpu") -> T2MEvaluator:
    """Load the evaluator in `t2m/text_mot_match/model/finest.tar`, in evaluation mode.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: it cannot be read, or a part is missing.
        RunStateError: a part does not have the published tensors.
    """
    path = Path(path)
    content = read_published(path, fetch_again(path, FETCH) if path.is_file() else FETCH)
    if missing := [part for part in PARTS if not isinstance(content.get(part), dict)]:
        raise CorruptFileError(
            "this is not the published evaluator",
            path=path,
            found=f"no {', '.join(missing)}",
            expected=", ".join(PARTS),
            remedy=fetch_again(path, FETCH),
        )
    network = T2MEvaluator()
    for part in PARTS:
        load_state(getattr(network, part), content[part], path)
    return network.to(device).eval().requires_grad_(False)
