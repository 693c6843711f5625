#!/bin/bash
# make-image.sh VENV WORKLOAD IMAGE: puts a workload and the Python environment it needs together as an image, that is a
# directory a party can map an image name to. The environment is linked, not copied: half a gigabyte stays where it is.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 VENV WORKLOAD IMAGE" >&2; exit 2; }
venv=$(cd "$1" && pwd) workload=$(cd "$2" && pwd)
mkdir -p "$3"
image=$(cd "$3" && pwd)

cp -r "$workload/image/." "$image"
cp -r "$workload/compat" "$workload/client.py" "$image"
# Python looks for pyvenv.cfg beside the program it was started as, before any link is followed.
cp "$venv/pyvenv.cfg" "$image"
ln -sfn "$venv/lib" "$image/lib"
ln -sf "$(readlink -f "$venv/bin/python")" "$image/bin/python"
