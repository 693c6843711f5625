#!/bin/bash
# Checks the files of a commit in a few seconds: formatting, language, shellcheck.
#
#   tools/pre-commit.sh            checks the files that are staged
#   tools/pre-commit.sh install    installs it as the pre-commit hook of this clone (make hooks)
#
# `git commit --no-verify` commits without it.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = install ]; then
    hook=$(git rev-parse --git-path hooks/pre-commit)
    if [ -e "$hook" ] && ! grep -qF tools/pre-commit.sh "$hook"; then
        echo "pre-commit: $hook exists and is not ours: add the line 'tools/pre-commit.sh' to it" >&2
        exit 1
    fi
    mkdir -p "$(dirname "$hook")"
    printf '#!/bin/sh\nexec tools/pre-commit.sh\n' > "$hook"
    chmod +x "$hook"
    echo "pre-commit: installed in $hook"
    exit 0
fi

mapfile -t staged < <(git diff --cached --name-only --diff-filter=ACMR)
rust=() scripts=()
for file in "${staged[@]}"; do
    case $file in
        *.rs) rust+=("$file") ;;
        *.sh | .ci/run) scripts+=("$file") ;;
    esac
done
failed=0
if [ ${#rust[@]} != 0 ]; then
    cargo fmt --all --check > /dev/null \
        || { echo "pre-commit: Rust code is not formatted: make fmt, then git add" >&2; failed=1; }
fi
if [ ${#scripts[@]} != 0 ]; then
    command -v shellcheck > /dev/null || { echo "pre-commit: shellcheck is missing: apt-get install shellcheck" >&2; exit 1; }
    shellcheck "${scripts[@]}" || failed=1
fi
if [ ${#staged[@]} != 0 ]; then tools/check-language.sh "${staged[@]}" || failed=1; fi
exit "$failed"
