"""The text encoders of published MDM checkpoints, CLIP and DistilBERT, and encoders by name."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from loop.errors import InvalidOptionError
from model.hub_encoder import HubEncoder
from model.text_encoder import MiniLMEncoder, TextEncoder, masked_states, mean_state

TextEncoderName = Literal["minilm", "clip", "distilbert"]


class ClipEncoder(HubEncoder):
    """Text half of CLIP ViT-B/32 (Radford et al., arXiv 2103.00020), as MDM uses it.

    At most 20 tokens between start and end, the rest is cut off. The published code then pads with
    zeros to 77; attention is causal, so nothing after the end token reaches the vector, and it is
    left out here. The vector is the projected state of the end token, not scaled.
    """

    hub_name = "openai/clip-vit-base-patch32"
    tokenizer_files = ("vocab.json", "merges.txt")
    network_class = "CLIPTextModelWithProjection"
    tokenizer_class = "CLIPTokenizer"
    _context = 22

    @property
    def dim(self) -> int:
        """Width of a vector: 512 for ViT-B/32."""
        return self._network.text_projection.out_features

    def _cleaned(self, text: str) -> str:
        # OpenAI's tokenizer mends mojibake, ligatures and typographic quotes, and resolves entities
        # twice; that of `transformers` does not.
        import ftfy

        return html.unescape(html.unescape(ftfy.fix_text(text)))

    def _unknown(self, tokens: Sequence[int]) -> int:
        # A vocabulary of bytes has no unknown token, but spells a character in pieces.
        lost = self._tokenizer.unk_token_id
        decode = self._tokenizer.decode
        return sum(token == lost or "\ufffd" in decode([token]) for token in tokens)

    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self._network(input_ids=ids).last_hidden_state

    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        rows = torch.arange(len(states), device=states.device)
        return self._network.text_projection(states[rows, lengths - 1])


class DistilBertEncoder(HubEncoder):
    """DistilBERT (Sanh et al., arXiv 1910.01108), the token encoder of newer MDM checkpoints.

    Those read `encode_tokens`; the vector of a text, which they have no use for, is the mean of its
    token states.
    """

    hub_name = "distilbert/distilbert-base-uncased"
    tokenizer_files = ("vocab.txt",)
    network_class = "DistilBertModel"
    tokenizer_class = "DistilBertTokenizer"

    @property
    def dim(self) -> int:
        """Width of a vector: 768 for the base model."""
        return self._network.config.dim

    @property
    def _context(self) -> int:
        return self._network.config.max_position_embeddings

    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return masked_states(self._network, ids, lengths)

    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        return mean_state(states, lengths)


def text_encoder_named(
    name: TextEncoderName | str,
    device: torch.device | str = "cpu",
    source: Path | str | None = None,
) -> TextEncoder:
    """Build a text encoder; nothing is read before it is used.

    Args:
        name: minilm, clip or distilbert.
        device: where it runs.
        source: folder or hub name of clip and distilbert; the published hub name if left out.

    Raises:
        InvalidOptionError: no such name, or a source for minilm, whose weights are a dependency.
    """
    if name == "minilm" and source is None:
        return MiniLMEncoder(device)
    if name == "clip":
        return ClipEncoder(source, device)
    if name == "distilbert":
        return DistilBertEncoder(source, device)
    raise InvalidOptionError(
        "no such text encoder",
        found=name if source is None else f"{name} from {source}",
        expected=" | ".join(get_args(TextEncoderName)),
    )
