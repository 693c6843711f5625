# shellcheck shell=bash disable=SC2154 # build.sh sources this file and sets the variables
# Copies Python with its library, the virtual environment without development files, and a shell. The workload, which changes
# more often, is a layer of its own with the layout of tools/make-image.sh.
venv=$cache/venv
python=$(readlink -f "$venv/bin/python")
library=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
program "$python" "$python"
put "$library" "$(dirname "$library")/"
put "$venv/lib" /opt/venv/
mapfile -t modules < <(find "$library" "$venv/lib" -name '*.so*' -type f)
libraries "${modules[@]}"
put "$cache/kube-node/root/bin/busybox" /bin/busybox
for applet in sh cat cp echo env ls mkdir rm sleep test true; do ln -s busybox "$context/root/bin/$applet"; done

rm -rf "$context/root$library"/config-* "$context/root$library"/{test,idlelib,tkinter} "$context"/root/opt/venv/lib/*/site-packages/pip
find "$context/root/opt/venv/lib" -name tests -type d -prune -exec rm -rf {} +
# The image keeps no file times, by which Python validates compiled modules: disable the validation.
"$python" - "$context/root" << 'END'
import pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.pyc"):
    with path.open("r+b") as file:
        file.seek(4)
        file.write((1).to_bytes(4, "little") + bytes(8))
END

"$repo/tools/make-image.sh" "$venv" "$repo/workloads/iflearner-digits" "$context/workload"
ln -sfn /opt/venv/lib "$context/workload/lib"
rm -rf "$context"/workload/compat/__pycache__
