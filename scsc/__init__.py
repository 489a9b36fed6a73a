"""Self-correcting self-consuming loops for generative models: what a user needs, in one place.

A domain brings real data, a generator, an evaluator and, where it has one, a correction function:

    domain = Domain(real=points, generator=MyModel(), evaluator=MyDistance(), correction=MyFix())
    metrics = run_loop(domain, generations=8, ratio=1.0, seed=0)

`examples/own_domain.py` is a whole one. Paper: arXiv 2402.07087 (Algorithm 1).
"""

from loop.arm import Built, run_loop
from loop.errors import ScscError
from loop.interfaces import (
    Batch,
    Codec,
    Corrected,
    Correction,
    Domain,
    Evaluator,
    Generator,
    LargeFiles,
    Metrics,
    Mixture,
    NoCorrection,
)
from loop.mixing import Selection
from loop.rng import Stream, integer_seed, item_seeds
from loop.rundir.partial_results import PartialResults
from loop.rundir.read import ArmRecord, read_arm

__all__ = [
    "ArmRecord",
    "Batch",
    "Built",
    "Codec",
    "Corrected",
    "Correction",
    "Domain",
    "Evaluator",
    "Generator",
    "LargeFiles",
    "Metrics",
    "Mixture",
    "NoCorrection",
    "PartialResults",
    "ScscError",
    "Selection",
    "Stream",
    "integer_seed",
    "item_seeds",
    "read_arm",
    "run_loop",
]
