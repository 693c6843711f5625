#!/bin/bash
# make-image.sh VENV WORKLOAD IMAGE: combines a workload and its Python environment in the folder
# IMAGE, to which a party can map an image name. The environment (half a
# gigabyte) is linked, not copied.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 VENV WORKLOAD IMAGE" >&2; exit 2; }
venv=$(cd "$1" && pwd) workload=$(cd "$2" && pwd)
mkdir -p "$3"
image=$(cd "$3" && pwd)

cp -r "$workload/image/." "$image"
cp -r "$workload/compat" "$workload/client.py" "$image"
# Python reads pyvenv.cfg beside the program path, before it follows links.
cp "$venv/pyvenv.cfg" "$image"
ln -sfn "$venv/lib" "$image/lib"
ln -sf "$(readlink -f "$venv/bin/python")" "$image/bin/python"
