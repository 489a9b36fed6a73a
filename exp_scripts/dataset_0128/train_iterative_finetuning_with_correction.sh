#!/usr/bin/env bash
exec bash "$(dirname "$0")/../train_iterative_finetuning_with_correction.sh" 0128 "$@"
