"""The parts of the motion experiment that have names, and what each is in a line."""

from __future__ import annotations

from loop.registry import Entry, Registry

_PHYSICS = "domains.motion.correction:MotionCorrection"
CORRECTIONS = Registry(
    "correction function",
    {
        "simulated": Entry(_PHYSICS, "refined, then tracked in MuJoCo (published)"),
        "refined": Entry(_PHYSICS, "made dynamically feasible, but not simulated"),
        "kinematic": Entry(
            _PHYSICS, "inverse kinematics and clean-up: the control without physics"
        ),
        "nearest": Entry(
            "domains.motion.nearest:NearestReal",
            "the nearest real training motion, for the evaluator: an oracle, because it copies",
        ),
    },
)
MDM = "mdm"
GENERATORS = Registry(
    "generator",
    {
        MDM: Entry(
            "domains.motion.generator:MotionGenerator",
            "MDM, the text-to-motion diffusion model (published)",
        ),
    },
)
EVALUATORS = Registry(
    "evaluator",
    {
        "trained": Entry(
            "domains.motion.evaluator.choice:motion_evaluator", "our own, trained on real motions"
        ),
        "published": Entry(
            "domains.motion.evaluator.choice:motion_evaluator",
            "of Guo et al. 2022; prepare/download_{t2m_evaluators,glove}.sh fetch its files",
        ),
    },
)
