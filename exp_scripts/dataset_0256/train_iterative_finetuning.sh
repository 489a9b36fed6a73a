#!/usr/bin/env bash
exec bash "$(dirname "$0")/../train_iterative_finetuning.sh" 0256 "$@"
