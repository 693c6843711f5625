#!/bin/bash
# Builds packages from the programs in a folder.
#
#   tools/package.sh deb BIN OUT [COMPONENT…]   Debian packages; default: of all components
#   tools/package.sh dist BIN OUT               tarballs, an SBOM, and their checksums (SHA256SUMS)
#   tools/package.sh glibc FILE…                prints the newest glibc that the files need
#
# The same sources and programs give the same packages: every time stamp is that of the last commit,
# or SOURCE_DATE_EPOCH. FLOW_VERSION replaces the version of Cargo.toml. `dist` fails if a
# program needs a glibc newer than FLOW_GLIBC_MAX (2.17). DEB_COMPRESSION (xz) is for tests.
set -euo pipefail
cd "$(dirname "$0")/.."

glibc_max=${FLOW_GLIBC_MAX:-2.17}
components=(flow-server flow-federate flow-operator flowctl)
version=${FLOW_VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
deploy=deploy/systemd

die() { echo "package: $*" >&2; exit 1; }

# glibc FILE…: the newest version of glibc whose symbols the files use; 0 for static programs.
glibc() {
    local needed
    needed=$(for file in "$@"; do
        readelf --wide --dyn-syms "$file" | sed -n 's/.*@GLIBC_\([0-9.]*\).*/\1/p'
    done | sort -uV | tail -n 1)
    echo "${needed:-0}"
}

architecture() {
    case $(readelf --file-header "$1" | sed -n 's/ *Machine: *//p') in
        *X86-64) echo amd64 x86_64 ;;
        AArch64) echo arm64 aarch64 ;;
        *) die "unknown architecture of $1" ;;
    esac
}

description() {
    case $1 in
        flow-server) echo "hub of a federation for training models" ;;
        flow-federate) echo "agent of one party of a federation" ;;
        flow-operator) echo "Kubernetes controllers for members of a federation" ;;
        flowctl) echo "command line of a federation for training models" ;;
    esac
}

# program FROM TO: copies a program without its debug information.
program() { install -D -m 755 "$1" "$2" && strip --strip-all "$2"; }

# check_console PROGRAM: fails if hub or agent was built without the web console.
check_console() {
    case ${1##*/} in flow-server | flow-federate) ;; *) return 0 ;; esac
    grep -qaF '<div id="app">' "$1" || die "$1 does not contain the web console: run \`make console\`, then build it again"
}

file() { install -D -m 644 "$1" "$2"; }

# touch_all FOLDER: gives everything the time of the sources.
touch_all() { find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +; }

# maintainer FOLDER NAME BODY…: a maintainer script with the shared functions.
maintainer() {
    local script=$1/$2
    shift 2
    {
        printf '#!/bin/sh\nset -e\n'
        sed '/^ *# shellcheck/d' deploy/packages/lib.sh
        printf '\n%s\n' "$@"
    } > "$script"
    chmod 755 "$script"
}

deb() {
    local name=$1 bin=$2 out=$3 root=$work/$1 config architecture
    read -r architecture _ < <(architecture "$bin/$name")
    check_console "$bin/$name"
    program "$bin/$name" "$root/usr/bin/$name"
    file docs/operations.md "$root/usr/share/doc/$name/operations.md"
    file CHANGELOG.md "$root/usr/share/doc/$name/CHANGELOG.md"
    mkdir -p "$root/DEBIAN"
    if [ "$name" = flowctl ]; then
        mkdir -p "$root/usr/share/bash-completion/completions"
        "$bin/flowctl" completions bash > "$root/usr/share/bash-completion/completions/flowctl"
    else
        file "$deploy/$name.service" "$root/usr/lib/systemd/system/$name.service"
        file "$deploy/sysusers.d/$name.conf" "$root/usr/lib/sysusers.d/$name.conf"
        file "$deploy/tmpfiles.d/$name.conf" "$root/usr/lib/tmpfiles.d/$name.conf"
        file "$deploy/default/$name" "$root/etc/default/$name"
        # shellcheck source=/dev/null
        config=$(. deploy/packages/lib.sh && config_of "$name")
        file "$deploy/etc/${config##*/}" "$root$config"
        printf '%s\n' "/etc/default/$name" "$config" > "$root/DEBIAN/conffiles"
        maintainer "$root/DEBIAN" postinst \
            "if [ \"\$1\" = configure ]; then prepare $name; activate $name /usr/bin/$name; fi"
        maintainer "$root/DEBIAN" prerm "if [ \"\$1\" = remove ]; then deactivate $name; fi"
        maintainer "$root/DEBIAN" postrm "case \$1 in remove) forget ;; purge) purge $name ;; esac"
    fi
    if [ -e "$deploy/$name-backup.service" ]; then
        file "$deploy/$name-backup.service" "$root/usr/lib/systemd/system/$name-backup.service"
        file "$deploy/$name-backup.timer" "$root/usr/lib/systemd/system/$name-backup.timer"
    fi
    if [ "$name" = flow-server ]; then
        file deploy/monitoring/alerts.yaml "$root/usr/share/flow-server/alerts.yaml"
        file deploy/monitoring/dashboard.json "$root/usr/share/flow-server/dashboard.json"
    fi
    local depends
    depends="libc6 (>= $(glibc "$root/usr/bin/$name"))"
    if readelf --dynamic "$root/usr/bin/$name" | grep -qF libgcc_s; then depends="$depends, libgcc-s1"; fi
    [ "$name" = flowctl ] || depends="$depends, passwd, util-linux"
    cat > "$root/DEBIAN/control" << END
Package: $name
Version: $version
Architecture: $architecture
Maintainer: The maintainers of flow
Section: net
Priority: optional
Depends: $depends
Recommends: ca-certificates
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
Description: $(description "$name")
END
    chmod 644 "$root/DEBIAN"/{control,conffiles} 2> /dev/null || true
    find "$root" -type d -exec chmod 755 {} +
    touch_all "$root"
    dpkg-deb --root-owner-group -Z"${DEB_COMPRESSION:-xz}" --build "$root" "$out/${name}_${version}_$architecture.deb" > /dev/null
    echo "$out/${name}_${version}_$architecture.deb"
}

# tarball NAME FOLDER OUT
tarball() {
    touch_all "$2"
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
        --directory "$(dirname "$2")" "$(basename "$2")" | gzip --no-name > "$3/$1.tar.gz"
    echo "$3/$1.tar.gz"
}

dist() {
    local bin=$1 out=$2 architecture root needed name
    read -r _ architecture < <(architecture "$bin/flow-server")
    root=$work/flow-$version-linux-$architecture
    for name in "${components[@]}"; do
        check_console "$bin/$name"
        program "$bin/$name" "$root/bin/$name"
        needed=$(glibc "$root/bin/$name")
        [ "$(printf '%s\n' "$needed" "$glibc_max" | sort -V | tail -n 1)" = "$glibc_max" ] \
            || die "$name needs glibc $needed, newer than $glibc_max: \`make dist\` builds it for $glibc_max"
    done
    for name in flow-server flow-federate flow-operator flow-server-backup flow-federate-backup; do
        file "$deploy/$name.service" "$root/systemd/$name.service"
    done
    for name in "$deploy"/*.timer; do file "$name" "$root/systemd/${name##*/}"; done
    for name in "$deploy"/etc/*.toml; do file "$name" "$root/etc/${name##*/}"; done
    for name in "$deploy"/default/*; do file "$name" "$root/etc/default/${name##*/}"; done
    for name in deploy/monitoring/*; do file "$name" "$root/monitoring/${name##*/}"; done
    file docs/operations.md "$root/doc/operations.md"
    file CHANGELOG.md "$root/doc/CHANGELOG.md"
    file deploy/packages/lib.sh "$root/share/lib.sh"
    install -m 755 deploy/packages/setup.sh "$root/setup.sh"
    local names=("flow-$version-linux-$architecture" "flowctl-$version-linux-$architecture" "flow-$version.cdx.json")
    tarball "${names[0]}" "$root" "$out"
    install -D -m 755 "$root/bin/flowctl" "$work/${names[1]}/flowctl"
    tarball "${names[1]}" "$work/${names[1]}" "$out"
    python3 tools/sbom.py "$version" > "$out/${names[2]}"
    (cd "$out" && sha256sum "${names[0]}.tar.gz" "${names[1]}.tar.gz" "${names[2]}" > SHA256SUMS)
    echo "$out/SHA256SUMS"
}

command -v readelf strip > /dev/null || die "readelf and strip are missing: apt-get install binutils"
verb=${1:-}
case $verb in
    glibc) shift; glibc "$@" ;;
    deb | dist)
        [ $# -ge 3 ] || die "usage: tools/package.sh $verb BIN OUT"
        umask 022
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        mkdir -p "$3"
        if [ "$verb" = dist ]; then
            dist "$2" "$3"
        else
            command -v dpkg-deb > /dev/null || die "dpkg-deb is missing: it is part of Debian"
            bin=$2 out=$3
            shift 3
            [ $# = 0 ] || components=("$@")
            for name in "${components[@]}"; do deb "$name" "$bin" "$out"; done
        fi
        ;;
    *) die "usage: tools/package.sh deb BIN OUT [COMPONENT…] | dist BIN OUT | glibc FILE…" ;;
esac
