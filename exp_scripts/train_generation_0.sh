#!/usr/bin/env bash
. "$(dirname "$0")/arm.sh" generation_0 "$@"
