#!/usr/bin/env bash
exec bash "$(dirname "$0")/arm.sh" generation_0 "$@"
