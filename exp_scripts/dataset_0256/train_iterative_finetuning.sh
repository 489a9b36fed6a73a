#!/usr/bin/env bash
. "$(dirname "$0")/../arm.sh" iterative_finetuning 0256 "$@"
