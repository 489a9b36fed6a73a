#!/usr/bin/env bash
. "$(dirname "$0")/../arm.sh" iterative_finetuning_with_correction 2794 "$@"
