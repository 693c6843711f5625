#!/bin/bash
# build.sh IMAGE ARCHIVE [NAME:TAG]: builds the container image that the folder IMAGE describes, without a container engine,
# as an archive for `docker load`, `podman load`, `skopeo` or `ctr images import`. Default of NAME:TAG: flow.test/FOLDER:1.
#
# IMAGE contains a Dockerfile that only copies existing files, and stage.sh, which creates them. stage.sh is sourced with an
# empty build context as $context, $repo, $cache (the cache of tools/setup-test.sh), $bin (the programs of this project: BIN
# of the environment, otherwise target/debug) and these commands, where INTO is a path in the image:
#
#   put SOURCE… INTO     copies files or folders and follows links; INTO ends with / if it is the parent folder
#   program SOURCE INTO  copies a program with its shared libraries
#   libraries SOURCE…    copies the shared libraries of these files to the same paths as on this machine
#
# These commands fill $context/root, which the Dockerfile copies to /. It contains /tmp and the users root and nonroot (65532).
set -euo pipefail

[ $# = 2 ] || [ $# = 3 ] || { echo "usage: $0 IMAGE ARCHIVE [NAME:TAG]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
image=$(cd "$1" && pwd)
archive=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
name=${3:-flow.test/$(basename "$image"):1}
# shellcheck disable=SC2034 # for stage.sh
cache=$(cd "$repo" && realpath -m "${FLOW_CACHE:-.cache}") bin=$(cd "$repo" && realpath -m "${BIN:-target/debug}")

context=$(mktemp -d "$archive.XXXXXX")
trap 'rm -rf "$context"' EXIT

put() {
    local into=$context/root/${*: -1}
    case $into in */) mkdir -p "$into" ;; *) mkdir -p "$(dirname "$into")" ;; esac
    cp -rH --preserve=mode,links "${@:1:$#-1}" "$into"
}

# Libraries in the cache belong to a Python wheel and are copied with it.
libraries() {
    local library
    { ldd "$@" 2> /dev/null || true; } | grep -oE '(^|[[:space:]])/[^ :()]+( |$)' | tr -d '[:blank:]' | sort -u | while read -r library; do
        [ -e "$context/root/$library" ] || [[ $library = "$cache"/* ]] || put "$library" "$library"
    done
}

program() {
    put "$1" "$2"
    libraries "$1"
}

umask 022
mkdir -p "$context/root/etc"
mkdir -m 1777 "$context/root/tmp"
printf '%s\n' root:x:0:0:root:/:/bin/sh nonroot:x:65532:65532:nonroot:/tmp:/bin/sh > "$context/root/etc/passwd"
printf '%s\n' root:x:0: nonroot:x:65532: > "$context/root/etc/group"
# shellcheck source=/dev/null
. "$image/stage.sh"
python3 "$here/pack.py" "$image/Dockerfile" "$context" "$name" "$archive"
