#!/bin/bash
# Prints a hash of the sources that the files of the console are built from. The build writes it to
# dist/.sources.
set -euo pipefail
cd "$(dirname "$0")"
find index.html package.json package-lock.json tsconfig.json ./*.config.ts public scripts src -type f -print0 \
    | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
