"""Every number of the motion protocol, once, with its source.

Sources: [P] the published code, as described for its scripts and defaults (arXiv 2402.07087 and its
official implementation); [D] measured by us so that the whole loop fits a laptop CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from diffusion import SamplerName
from loop.errors import InvalidOptionError
from loop.presets import Presets, check_ranges

OnFailure = Literal["drop", "keep", "teleport"]
NoiseSchedule = Literal["cosine", "linear"]
EvaluationSplit = Literal["test", "val"]


LARGE, BELOW_1 = 1e12, 1 - 1e-9
FINITE = (-LARGE, LARGE)


@dataclass(frozen=True)
class Protocol:
    """Choices in which the published code and our corrected default differ.

    Attributes:
        mask_padding: attention ignores frames beyond a motion's length (published: sees them).
        sampler, sampling_steps: how motions are drawn, and in how many steps, at most the length
            of the chain; None: all of them (published: ddpm, all). results/samplers says
            what the default costs and changes.
        guidance: classifier-free guidance scale in the loop (published: 2.5 is set but never
            reaches the sampler, so it is 1: one pass of the network a step).
        carry_optimizer: AdamW moments go on from generation to generation (published: fresh).
        ema_decay: exponential moving average of the weights, None for none (published).
        playback_rate: speed at which the simulator plays the reference (published: 20 fps motion is
            simulated as if it had 30 fps).
        on_failure: what becomes of a sample that the controller cannot track: left out of the mix,
            kept as its refined motion, or teleported back onto the reference and kept (published).
        captions: which captions a synthetic motion is trained with: the one that prompted it, or
            all captions of the clip it is named after (published).
        repeat_noise: every generation and arm draws the same noise (published).
        first_caption_only: motions are drawn for the first captions of all listed clips, those of
            segments and of clips too short or long to train on included; which ones follows from
            seed and generation alone, so that all arms agree; lengths are the clips' (published).
            Else for a random caption of a clip that is trained on, of a length in fours.
        skip_damaged: clips with missing or damaged files are left out (published, silently; ours
            names them) instead of ending the run.
        whole_epochs: a generation after the first trains on to the end of an epoch, and one epoch
            more where its steps are whole epochs; epochs drop their incomplete batch (published).
        two_passes: a generation is measured as published: two passes over the test split with
            fresh crops and captions (`domains.motion.published_evaluation`), else by ours.
        keep_heading: a corrected motion is encoded in the heading of the sample it came from;
            else in a heading of its own (published), which is ill-conditioned.
    """

    mask_padding: bool
    guidance: float
    carry_optimizer: bool
    ema_decay: float | None
    playback_rate: float
    on_failure: OnFailure
    captions: Literal["prompt", "all"]
    repeat_noise: bool
    first_caption_only: bool
    skip_damaged: bool = False
    whole_epochs: bool = False
    two_passes: bool = False
    keep_heading: bool = True
    sampler: SamplerName = "ddpm"
    sampling_steps: int | None = None

    def __post_init__(self) -> None:
        """Raise InvalidOptionError where a number is out of range."""
        check_ranges(self, guidance=FINITE, ema_decay=(0, BELOW_1), playback_rate=(1e-3, LARGE))


FAITHFUL = Protocol(
    mask_padding=False,
    guidance=1.0,
    carry_optimizer=False,
    ema_decay=None,
    playback_rate=1.5,
    on_failure="teleport",
    captions="all",
    repeat_noise=True,
    first_caption_only=True,
    skip_damaged=True,
    whole_epochs=True,
    two_passes=True,
    keep_heading=False,
)
CORRECTED = Protocol(
    mask_padding=True,
    guidance=1.0,
    carry_optimizer=True,
    ema_decay=0.99,
    playback_rate=1.0,
    on_failure="drop",
    captions="prompt",
    repeat_noise=False,
    first_caption_only=False,
    sampler="dpmpp",
    sampling_steps=12,
)
SAMPLE_GUIDANCE = 2.5  # [P] guidance scale of single samples, outside the loop


@dataclass(frozen=True)
class MotionPreset:
    """Sizes of one motion experiment.

    Attributes:
        latent_dim, layers, heads, ff_size, dropout: the MDM transformer encoder.
        max_frames: longest motion the network sees, at 20 fps.
        diffusion_steps: length of the noising chain.
        noise_schedule: betas of the chain, `cosine` or `linear`.
        batch_size, learning_rate, weight_decay: AdamW.
        generation_0_rate: learning rate of generation 0; None: that of all others.
        lr_anneal_steps: the rate falls linearly to 0 at this step of a generation; 0: constant.
        generation_0_steps: optimiser steps of generation 0.
        steps_per_generation: optimiser steps of every later generation.
        generations: the last generation.
        ratios: synthetic : real ratios lambda of the arms.
        condition_dropout: share of the training texts that are hidden.
        eval_samples: motions drawn to evaluate a generation, at most one a test item.
        eval_repetitions: times that this is done; metrics are means over them.
        eval_split: split whose captions and motions the evaluation takes.
        evaluator: row of the evaluator's own table (domains/motion/evaluator/training.py).
        keep, keep_samples: older generations that keep their checkpoints, and their synthetic sets
            (loop/rundir/retention.py); published code keeps all, 100 GB of 0064.
    """

    name: str
    generation_0_steps: int
    steps_per_generation: int
    ratios: tuple[float, ...]
    generations: int = 50  # [P]
    latent_dim: int = 512  # [P]
    layers: int = 8  # [P]
    heads: int = 4  # [P]
    ff_size: int = 1024  # [P]
    dropout: float = 0.1  # [P]
    max_frames: int = 196  # [P]
    diffusion_steps: int = 1000  # [P]
    noise_schedule: NoiseSchedule = "cosine"  # [P]
    batch_size: int = 64  # [P]
    learning_rate: float = 1e-4  # [P]
    generation_0_rate: float | None = None
    weight_decay: float = 0.0  # [P]
    lr_anneal_steps: int = 0  # [P]
    condition_dropout: float = 0.1  # [P] cond_mask_prob
    eval_samples: int = 546  # [P] eval_num_samples
    eval_repetitions: int = 1  # [P] eval_rep_times
    eval_split: EvaluationSplit = "test"  # [P]
    evaluator: str = "paper"
    keep: str = "last"
    keep_samples: str = "every:10"

    def __post_init__(self) -> None:
        """Raise InvalidOptionError where a number is out of range."""
        counts = ("generation_0_steps", "steps_per_generation", "layers", "heads", "ff_size",
                  "latent_dim", "diffusion_steps", "batch_size", "eval_samples",
                  "eval_repetitions")  # fmt: skip
        rates = ("learning_rate", "generation_0_rate", "weight_decay", "lr_anneal_steps")
        check_ranges(
            self,
            **dict.fromkeys(counts, (1, LARGE)),
            **dict.fromkeys((*rates, "generations"), (0, LARGE)),
            dropout=(0, BELOW_1),
            condition_dropout=(0, 1),
        )
        if self.latent_dim % (2 * self.heads):
            raise InvalidOptionError(
                "the width of the network does not go into its heads",
                found=f"latent_dim {self.latent_dim}, {self.heads} heads",
                expected=f"a multiple of {2 * self.heads}",
            )

    def steps_until(self, generation: int) -> int:
        """Count the optimiser steps that a model of this generation has behind it."""
        return self.generation_0_steps + generation * self.steps_per_generation

    def rate_of(self, generation: int) -> float:
        """Return the learning rate at which a generation begins."""
        first = self.learning_rate if self.generation_0_rate is None else self.generation_0_rate
        return self.learning_rate if generation else first


SMALL_RATIOS = (0.25, 0.50, 0.75, 1.00)  # [P] copy_generation_0.py
DEMO = MotionPreset(  # [D]
    "demo",
    generation_0_steps=10_000,
    steps_per_generation=100,
    ratios=(1.00,),
    generations=5,
    latent_dim=128,
    layers=4,
    heads=4,
    ff_size=256,
    dropout=0.0,
    max_frames=60,
    diffusion_steps=50,
    learning_rate=1e-3,  # at which five generations tell a raw loop from a corrected one
    generation_0_rate=5e-4,
    lr_anneal_steps=10_000,
    evaluator="demo",
    keep="all",
    keep_samples="all",
)
EVIDENCE = replace(  # [D] results/motion: 64 or 128 windows of 3 s, until a raw loop collapses
    DEMO,
    name="evidence",
    generation_0_steps=3_000,
    ratios=(0.25, 0.50, 1.00, 2.00),
    generations=12,
    learning_rate=5e-4,
    generation_0_rate=None,
    lr_anneal_steps=0,
    eval_samples=104,
    evaluator="cmu",
    keep="last",
    keep_samples="last",
)
CMU = replace(  # [D] the weights we ship (weights/README.md): CMU, one core, about an hour
    DEMO,
    name="cmu",
    generation_0_steps=4_000,
    steps_per_generation=1_000,
    generations=10,
    max_frames=100,
    batch_size=32,
    learning_rate=5e-4,
    generation_0_rate=None,
    lr_anneal_steps=0,
    evaluator="cmu",
)
SMOKE = MotionPreset(  # [D] as small as it goes: does the whole pipeline work here?
    "smoke",
    generation_0_steps=6,
    steps_per_generation=3,
    ratios=(1.00,),
    generations=2,
    latent_dim=16,
    layers=1,
    heads=2,
    ff_size=16,
    max_frames=60,
    diffusion_steps=5,
    batch_size=8,
    eval_samples=32,
    evaluator="smoke",
    keep="all",
    keep_samples="all",
)
PUBLISHED = (  # [P]
    MotionPreset("0064", 5_000, 1_000, SMALL_RATIOS),
    MotionPreset("0128", 10_000, 1_000, SMALL_RATIOS),
    MotionPreset("0256", 20_000, 1_000, SMALL_RATIOS),
    MotionPreset("2794", 200_000, 40_000, (0.05, 0.10, 0.15, 0.20, 0.25)),
)
PRESETS = Presets({row.name: row for row in (*PUBLISHED, SMOKE, DEMO, EVIDENCE, CMU)})
preset_named = PRESETS.named


def check_guidance(scale: float, condition_dropout: float, path: Path | None = None) -> None:
    """Refuse guidance by a network that was never trained without a text.

    Args:
        scale: guidance scale; 1 is none.
        condition_dropout: share of the training texts that were hidden.
        path: of the network, if it is a file.

    Raises:
        InvalidOptionError: there is guidance and no text was hidden.
    """
    if scale != 1 and condition_dropout <= 0:
        raise InvalidOptionError(
            "guidance needs a network that is also trained without texts",
            path=path,
            found=f"--cond_mask_prob 0 and guidance {scale:g}",
            expected="--cond_mask_prob above 0 (published: 0.1), or no guidance",
            remedy="add --guidance_param 1, or train with --cond_mask_prob 0.1",
        )
