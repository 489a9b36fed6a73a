#!/usr/bin/env bash
exec bash "$(dirname "$0")/../train_baseline.sh" 0256 "$@"
