#!/usr/bin/env bash
exec bash "$(dirname "$0")/arm.sh" iterative_finetuning_with_correction "$@"
