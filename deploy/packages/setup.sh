#!/bin/sh
# Installs and removes the programs of this tarball on a machine with systemd. As root.
#
#   ./setup.sh install COMPONENT…            programs in /usr/local/bin, units, configuration, users
#   ./setup.sh remove [--purge] COMPONENT…   stops and removes; --purge also deletes data and configuration
#
# COMPONENT: flow-server, flow-federate, flow-operator, flowctl or all. An existing configuration
# stays unchanged. The configuration starts nothing: systemctl enable --now COMPONENT.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/packages/lib.sh
. "$here/share/lib.sh"
bin=/usr/local/bin share=/usr/local/share/flow unit_dir=/etc/systemd/system
all='flow-server flow-federate flow-operator flowctl'

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

units_of() {
    case $1 in
        flow-server | flow-federate) echo "$1.service" "$1-backup.service" "$1-backup.timer" ;;
        flowctl) ;;
        *) echo "$1.service" ;;
    esac
}

install_component() {
    if [ -e "/usr/bin/$1" ]; then
        say "$1" "/usr/bin/$1 exists: a package has installed it; upgrade or purge the package" >&2
        exit 1
    fi
    prepare "$1"
    # A new file and a rename: the old program may be running.
    install -m 755 "$here/bin/$1" "$bin/.$1.new"
    mv "$bin/.$1.new" "$bin/$1"
    for unit in $(units_of "$1"); do
        sed "s,/usr/bin/flow,$bin/flow,; s,/usr/share/doc/$1,$share," \
            "$here/systemd/$unit" > "$unit_dir/.$unit.new"
        chmod 644 "$unit_dir/.$unit.new"
        mv "$unit_dir/.$unit.new" "$unit_dir/$unit"
    done
    if has_service "$1"; then
        config=$(config_of "$1")
        [ -e "$config" ] || install -m 644 "$here/etc/${config##*/}" "$config"
        [ -e "/etc/default/$1" ] || install -D -m 644 "$here/etc/default/$1" "/etc/default/$1"
    fi
    install -D -m 644 -t "$share" "$here"/doc/* "$here"/monitoring/*
    activate "$1" "$bin/$1"
}

remove_component() {
    deactivate "$1"
    rm -f "$bin/$1"
    for unit in $(units_of "$1"); do rm -f "$unit_dir/$unit"; done
    forget
    left=
    for name in $all; do if [ -e "$bin/$name" ]; then left=1; fi; done
    if [ -z "$left" ]; then rm -rf "$share"; fi
    if [ "$purge" = 1 ] && has_service "$1"; then
        rm -f "$(config_of "$1")" "/etc/default/$1"
        purge "$1"
    fi
}

[ $# -ge 2 ] || usage
verb=$1 purge=0
shift
if [ "$1" = --purge ]; then purge=1; shift; fi
# shellcheck disable=SC2086 # a list of names
if [ "$*" = all ]; then set -- $all; fi
[ $# -ge 1 ] || usage
[ "$(id -u)" = 0 ] || { echo "setup.sh: run it as root" >&2; exit 1; }
for component in "$@"; do
    case $component in flow-server | flow-federate | flow-operator | flowctl) ;; *) usage ;; esac
done
for component in "$@"; do
    case $verb in
        install) install_component "$component" ;;
        remove) remove_component "$component" ;;
        *) usage ;;
    esac
done
