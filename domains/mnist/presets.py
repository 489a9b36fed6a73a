"""Every number of the MNIST protocol, once, with its source.

Sources: [P] the published code, as described for its scripts and defaults (arXiv 2402.07087 and its
official implementation); [D] chosen by us so that the experiment fits two CPU cores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from loop.presets import Presets, check_ranges

Normalisation = Literal["batch", "group"]
TrainType = Literal[
    "baseline", "baseline_copy", "iterative_finetuning", "iterative_finetuning_with_correction"
]

LARGE = 1e30
FEWEST_SAMPLES = 6
"""Images that the neighbours of the metrics need."""


@dataclass(frozen=True)
class MnistProtocol:
    """Choices in which the published code differs from our corrected one; the defaults are ours.

    Attributes:
        double_softmax: the feature classifier ends in a softmax and its loss takes another one
            (published), which flattens its gradients.
        negative_keep_mask: the class enters the U-Net as -1 times its one-hot vector (published),
            not as +1.
        first_images_only: the training set is the first rows of MNIST (published), not a random
            subset with equal shares of the digits.
        unequal_steps: a generation is one epoch over whatever the arm trains on (published), so
            that an arm with synthetic data takes 1 + lambda times as many optimiser steps as the
            baseline; else every arm takes as many as an epoch over the real data has.
        normalisation: of the U-Net's convolution blocks: `batch` (published) keeps running
            statistics that move with every batch, even at a learning rate of zero; `group` has
            none.
        predicts_noise: the network predicts the noise (published), else the velocity
            (`diffusion.process`), which a small network learns much faster.
        signed_data: pixels span [-1, 1], centred as the noise is; published: [0, 1].
        fresh_optimizer: Adam's moments are lost where an arm starts from a copied generation 0 or
            is resumed by --resume_starting_at_generation, but not between the generations of a
            process (published); else they go on in every arm alike.
        biased_centroids: centroids are rounded by round(c + 1/2), half a grey value too bright
            (published).
        few_samples: FID and diversity are taken from 100 samples (published), which biases FID
            upward, besides our own sample size.
        independent_draws: the evaluation draws samples of its own (published); else it measures
            the very samples that the next generation trains on, which halves the sampling.
        epoch_evaluations: generation 0 is drawn from and measured after every epoch (published),
            by the published metrics; else after the last one alone.
        ancestral: sampling walks all steps of the chain with noise of variance beta_t (published);
            else DDIM with the preset's number of steps.
    """

    double_softmax: bool = False
    negative_keep_mask: bool = False
    first_images_only: bool = False
    unequal_steps: bool = False
    normalisation: Normalisation = "group"
    predicts_noise: bool = False
    signed_data: bool = True
    fresh_optimizer: bool = False
    biased_centroids: bool = False
    few_samples: bool = False
    independent_draws: bool = False
    epoch_evaluations: bool = False
    ancestral: bool = False


FAITHFUL = MnistProtocol(
    double_softmax=True,
    negative_keep_mask=True,
    first_images_only=True,
    unequal_steps=True,
    normalisation="batch",
    predicts_noise=True,
    signed_data=False,
    fresh_optimizer=True,
    biased_centroids=True,
    few_samples=True,
    independent_draws=True,
    epoch_evaluations=True,
    ancestral=True,
)
CORRECTED = MnistProtocol()


@dataclass(frozen=True)
class MnistPreset:
    """Sizes of one MNIST experiment.

    Attributes:
        fraction: share of the training set to train on, n = int(fraction N).
        real_images: n itself where it is not None; it then overrides the fraction.
        epochs: passes over the real set in generation 0.
        batch_size, learning_rate: Adam; linear decay lr (1 - epoch / epochs) in generation 0.
        lr_divisor: later generations train at learning_rate / (lr_divisor epochs), constant.
        fine_tune_rate: that rate itself where it is not None.
        generation_epochs: passes over the real set (or, in the published protocol, over all that
            the arm trains on) in every later generation.
        generations: the last generation.
        ratios: synthetic : real ratios lambda of the arms.
        diffusion_steps: length T of the noising chain.
        ddim_steps: of the corrected default's sampler.
        guidance_weight: w of eps = (1 + w) eps_c - w eps_u.
        class_dropout: share of the labels that are hidden in training.
        n_feat: width of the U-Net.
        patch: side of the square of pixels that is one position of the U-Net; 1 is published.
        clusters: centroids a digit of the published correction.
        sheet: images of the sheet that is kept of every generation, and batch of the published
            sampler.
        published_samples: of the published FID and diversity.
        eval_samples: of our metrics.
        classifier_epochs: of the feature classifier.
    """

    name: str
    fraction: float = 0.2  # [P] the first 12,000 images
    real_images: int | None = None
    epochs: int = 20  # [P]
    batch_size: int = 256  # [P]
    learning_rate: float = 1e-4  # [P]
    lr_divisor: float = 20.0  # [P]
    fine_tune_rate: float | None = None
    generation_epochs: int = 1  # [P]
    generations: int = 50  # [P]
    ratios: tuple[float, ...] = (0.2, 0.5, 1.0, 1.5)  # [P]
    diffusion_steps: int = 400  # [P]
    ddim_steps: int = 50  # [D]
    guidance_weight: float = 0.5  # [P]
    class_dropout: float = 0.1  # [P]
    n_feat: int = 128  # [P]
    patch: int = 1  # [P]
    clusters: int = 16  # [P]
    sheet: int = 40  # [P]
    published_samples: int = 100  # [P]
    eval_samples: int = 2_000  # [D]
    classifier_epochs: int = 10  # [P]
    classifier_rate: float = 1e-3  # [P]
    classifier_batch: int = 64  # [P]

    def __post_init__(self) -> None:
        """Raise InvalidOptionError where a number is out of range."""
        counts = ("real_images", "epochs", "batch_size", "generation_epochs", "diffusion_steps",
                  "n_feat", "patch", "clusters", "sheet", "classifier_epochs",
                  "classifier_batch")  # fmt: skip
        check_ranges(
            self,
            **dict.fromkeys(counts, (1, LARGE)),
            **dict.fromkeys(("published_samples", "eval_samples"), (FEWEST_SAMPLES, LARGE)),
            **dict.fromkeys(("learning_rate", "fine_tune_rate", "generations"), (0, LARGE)),
            **dict.fromkeys(("lr_divisor", "classifier_rate"), (1 / LARGE, LARGE)),
            fraction=(1 / LARGE, 1),
            class_dropout=(0, 1),
            guidance_weight=(-LARGE, LARGE),
        )
        check_ranges(self, ddim_steps=(1, self.diffusion_steps))

    def fine_tuning_rate(self) -> float:
        """Return the rate of every generation after 0: lr / (lr_divisor epochs), published."""
        if self.fine_tune_rate is not None:
            return self.fine_tune_rate
        return self.learning_rate / (self.lr_divisor * self.epochs)


EVIDENCE = MnistPreset(  # [D] several seeds, mixings and ratios in three hours of two cores
    "evidence",
    real_images=2_000,
    epochs=128,
    batch_size=64,
    learning_rate=2e-3,
    fine_tune_rate=1e-4,
    generation_epochs=2,
    generations=6,
    ratios=(1.0, 1.5),
    ddim_steps=10,
    n_feat=16,
    patch=2,
)
DEMO = replace(  # [D] the whole figure in minutes
    EVIDENCE,
    name="demo",
    real_images=1_000,
    epochs=96,
    generations=4,
    ratios=(1.0,),
    eval_samples=1_000,
    classifier_epochs=2,
)
SMOKE = MnistPreset(  # [D] as small as it goes: does the whole pipeline work here?
    "smoke",
    real_images=100,
    epochs=1,
    batch_size=50,
    learning_rate=1e-3,
    generations=2,
    ratios=(1.0,),
    diffusion_steps=8,
    ddim_steps=2,
    n_feat=8,
    patch=2,
    clusters=2,
    eval_samples=100,
    classifier_epochs=1,
)
PRESETS = Presets({row.name: row for row in (MnistPreset("published"), EVIDENCE, DEMO, SMOKE)})
preset_named = PRESETS.named
