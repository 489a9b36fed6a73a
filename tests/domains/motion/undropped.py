"""The trainer without dropout, whose masks are all that several processes draw differently."""

from __future__ import annotations

from dataclasses import replace

import domains.motion.training
from domains.motion.presets import PRESETS
from train.train_mdm_iterative_finetuning import main

if __name__ == "__main__":
    PRESETS["smoke"] = replace(PRESETS["smoke"], dropout=0.0)
    domains.motion.training.CHECKPOINT_INTERVAL_S = 0.0
    main()
