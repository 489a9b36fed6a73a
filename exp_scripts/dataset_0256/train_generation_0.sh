#!/usr/bin/env bash
exec bash "$(dirname "$0")/../train_generation_0.sh" 0256 "$@"
