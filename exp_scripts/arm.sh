#!/usr/bin/env bash
# One arm of the motion experiment: bash exp_scripts/arm.sh KIND DATASET [PP] [options]; --help.
# Every train_*.sh sources it with the words that its own name says.
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
exec python -m domains.motion.scripts "$@"
