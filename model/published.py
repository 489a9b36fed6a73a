"""Load published MDM checkpoints: `model000475000.pt` with its `args.json` beside it.

The published code hard-codes what its options do not say (heads, feed-forward width, dropout); the
tensors tell the rest. Encoder models (1000 and 50 steps) and decoder models whose frames attend to
the words of DistilBERT, or to the one vector of CLIP, load.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from body_models.damage import DAMAGE
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, RunStateError
from loop.rundir.files import read_json
from model.checkpoint import load_state
from model.mdm import MDM, MDMConfig, published_state
from model.mdm_decoder import MDMDecoder

Variance = Literal["small", "large"]
HEADS, DROPOUT, MAX_FRAMES = 4, 0.1, 196
FEATURES, KIT_FEATURES = 263, 251
LARGEST_SIZE = 10_000
ENCODER, DECODER = "trans_enc", "trans_dec"
_SUPPORTED: dict[str, tuple[object, ...]] = {
    "arch": (ENCODER, DECODER),
    "noise_schedule": ("cosine",),
    # What stands before the frames there changed between versions of the published code.
    "emb_trans_dec": (False,),
    "emb_policy": ("add",),
    # Models that continue a motion, or reach for a target.
    "pred_len": (0,),
    "multi_target_cond": (False,),
    # No text reaches such a network.
    "unconstrained": (False,),
}
"""What the options of a checkpoint may be, the default first."""
_WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Under what names trainers put the tensors; the averaged ones are `model_avg`."""
_README = "download the checkpoint again, with the args.json of its folder"


@dataclass(frozen=True)
class PublishedMDM:
    """A published denoiser and what one must know to sample from it.

    Attributes:
        network: in evaluation mode, gradients off.
        diffusion_steps: T of the cosine chain it was trained on; it predicts x0.
        variance: of its reverse steps, for `diffusion.process.Diffusion`.
        unconditional: it was trained with hidden texts too, which guidance needs.
        text_encoder: name for `model.clip_encoder.text_encoder_named`.
    """

    network: MDM | MDMDecoder
    diffusion_steps: int
    variance: Variance
    unconditional: bool
    text_encoder: str


def load_published_mdm(path: Path | str, device: torch.device | str = "cpu") -> PublishedMDM:
    """Read a published checkpoint; copies of the frozen CLIP network in it are passed over.

    Where a checkpoint holds both live and averaged weights (`model`, `model_avg`), the averaged
    ones are taken if it was trained with `use_ema`, as published.

    Raises:
        MissingAssetError: the checkpoint or args.json is missing.
        CorruptFileError: one of them cannot be read, weights are not finite, or args.json lacks an
            option.
        InvalidOptionError: the options name a network that is not supported.
        RunStateError: tensors are missing, unexpected, or of other shapes than the options say.
    """
    path = Path(path)
    state = read_published(path)
    arguments = _arguments(path.parent / "args.json")
    state = published_state(_tensors(state, bool(arguments.get("use_ema", False)), path))
    if broken := [name for name, value in state.items() if not value.isfinite().all()]:
        raise CorruptFileError(
            "weights of the checkpoint are not finite: its training diverged",
            path=path,
            found=", ".join(broken[:3]),
            remedy="use a checkpoint of an earlier step",
        )
    network = (MDM if arguments.get("arch", ENCODER) == ENCODER else MDMDecoder)(
        _config(arguments, state, path)
    )
    load_state(network, state, path)
    encoder = arguments.get("text_encoder_type", "clip")
    return PublishedMDM(
        network.to(device).eval().requires_grad_(False),
        int(arguments["diffusion_steps"]),
        "small" if arguments.get("sigma_small", True) else "large",
        arguments.get("cond_mask_prob", 0.1) > 0,
        "distilbert" if encoder == "bert" else encoder,
    )


def read_published(path: Path, remedy: str = _README) -> dict[str, Any]:
    """Read the dictionary in a PyTorch file of any version; no code from the file runs.

    Args:
        path: the file.
        remedy: what a user without it can do.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: truncated, damaged, or not only tensors and plain values.
    """
    if not path.is_file():
        raise MissingAssetError("published checkpoint is missing", path=path, remedy=remedy)
    try:
        # torch.load does not compare checksums; files of before torch 1.6 are no archives.
        with path.open("rb") as file:
            archived = file.read(2) == b"PK"
        if archived:
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"checksum of {damaged} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise CorruptFileError(
            "published checkpoint cannot be read",
            path=path,
            found=f"{path.stat().st_size} bytes: {(str(error) or repr(error)).splitlines()[0]}",
            expected="a PyTorch file of tensors and plain values",
            remedy=remedy,
        ) from error
    if not isinstance(content, dict):
        raise CorruptFileError(
            "checkpoint holds no dictionary", path=path, found=type(content).__name__
        )
    return content


def _tensors(content: Mapping[str, Any], averaged: bool, path: Path) -> Mapping[str, Tensor]:
    """Unpack the dictionary of tensors, which trainers put below other names beside their state."""
    found: Any = content
    wanted = ("model_avg", *_WRAPPERS) if averaged else _WRAPPERS
    while name := next((name for name in wanted if isinstance(found.get(name), dict)), None):
        found = found[name]
    if other := [name for name, value in found.items() if not isinstance(value, Tensor)]:
        raise RunStateError(
            "where the tensors of this checkpoint are cannot be told",
            path=path,
            found=f"{', '.join(map(repr, other[:5]))} that hold no tensor",
            expected=f"tensors by name, or a dictionary of them as {' or '.join(wanted)}",
            remedy="save the state_dict of the network alone: torch.save(model.state_dict(), path)",
        )
    return found


def _arguments(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingAssetError(
            "options of the checkpoint are missing",
            path=path,
            expected="args.json beside the checkpoint, as published",
            remedy=_README,
        )
    arguments = read_json(path)
    needed = {"layers", "latent_dim", "diffusion_steps"}
    if not isinstance(arguments, dict) or not needed <= arguments.keys():
        raise CorruptFileError(
            "args.json lacks options", path=path, expected=sorted(needed), remedy=_README
        )
    numbers = {name: arguments[name] for name in sorted(needed)}
    share = arguments.get("cond_mask_prob", 0.1)
    whole = all(isinstance(n, int) and 0 < n <= LARGEST_SIZE for n in numbers.values())
    if not whole or not isinstance(share, int | float) or not 0 <= share < 1:
        raise CorruptFileError(
            "options in args.json are out of range",
            path=path,
            found=numbers | {"cond_mask_prob": share},
            expected=f"whole numbers from 1 to {LARGEST_SIZE}, and a share of hidden texts below 1",
            remedy=_README,
        )
    for option, supported in _SUPPORTED.items():
        if (found := arguments.get(option, supported[0])) not in supported:
            raise InvalidOptionError(
                f"this kind of published model is not supported: {option}",
                path=path,
                found=found,
                expected=" | ".join(map(str, supported)),
                remedy="use a checkpoint such as humanml_trans_enc_512, humanml_enc_512_50steps or "
                "humanml_trans_dec_512_bert",
            )
    return arguments


def _config(arguments: Mapping[str, Any], state: Mapping[str, Tensor], path: Path) -> MDMConfig:
    """Read the sizes: width and layers from the options, the rest from the tensors."""
    kind = "Encoder" if arguments.get("arch", ENCODER) == ENCODER else "Decoder"
    sizes = {
        "text_dim": ("embed_text.weight", 1),
        "features": ("input_process.poseEmbedding.weight", 1),
        "ff": (f"seqTrans{kind}.layers.0.linear1.weight", 0),
    }
    if missing := [name for name, _ in sizes.values() if name not in state]:
        raise RunStateError(
            "this is no checkpoint of a text-conditioned MDM",
            path=path,
            found=f"no {', '.join(missing)}, but {', '.join(list(state)[:3]) or 'nothing'}",
        )
    if (features := state[sizes["features"][0]].shape[-1]) != FEATURES:
        raise InvalidOptionError(
            "this model draws other motions than HumanML3D's",
            path=path,
            found=f"{features} features a frame" + ", as of KIT-ML" * (features == KIT_FEATURES),
            expected=f"{FEATURES} features a frame",
            remedy="use a checkpoint trained on HumanML3D, such as humanml_enc_512_50steps",
        )
    return MDMConfig(
        **{field: state[name].shape[axis] for field, (name, axis) in sizes.items()},
        latent_dim=int(arguments["latent_dim"]),
        layers=int(arguments["layers"]),
        heads=HEADS,
        dropout=DROPOUT,
        max_frames=MAX_FRAMES,
        mask_padding=bool(arguments.get("mask_frames", False)),
    )
