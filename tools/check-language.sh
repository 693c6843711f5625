#!/bin/sh
# Checks the language of comments, messages, names and documents: see `--help`.
set -eu
command -v python3 > /dev/null || { echo "check-language: Python 3 is missing: apt-get install python3" >&2; exit 2; }
exec python3 "$(dirname "$0")/check-language.py" "$@"
