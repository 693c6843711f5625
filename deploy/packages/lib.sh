# shellcheck shell=sh
# Functions of the packages' maintainer scripts and of setup.sh. A component is flow-server,
# flow-federate, flow-operator or flowctl; each of the first three has a unit and a user of its name.

say() { echo "$1: $2"; }

# say_lines COMPONENT PREFIX TEXT: each line of TEXT.
say_lines() { echo "$3" | while IFS= read -r line; do say "$1" "$2${line#"$1": }"; done; }

has_backup() { [ "$1" = flow-server ] || [ "$1" = flow-federate ]; }

has_service() { [ "$1" != flowctl ]; }

config_of() {
    case $1 in
        flow-server) echo /etc/flow/hub.toml ;;
        flow-federate) echo /etc/flow/agent.toml ;;
        flow-operator) echo /etc/flow/operator.toml ;;
    esac
}

systemd_runs() { [ -d /run/systemd/system ]; }

# prepare COMPONENT: the user, and the directories that belong to it.
prepare() {
    has_service "$1" || return 0
    if ! getent passwd "$1" > /dev/null; then
        home=/var/lib/$1
        if [ "$1" = flow-operator ]; then home=/nonexistent; fi
        useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin "$1"
    fi
    install -d -m 755 /etc/flow
    case $1 in
        flow-server) install -d -m 700 -o flow-server -g flow-server /var/lib/flow-server /var/backups/flow-server ;;
        flow-federate) install -d -m 700 -o flow-federate -g flow-federate /var/lib/flow-federate /var/backups/flow-federate ;;
    esac
}

# check COMPONENT PROGRAM: true if the unit's user can start with the configuration. Prints faults.
check() {
    { runuser -u "$1" -- "$2" config check --config "$(config_of "$1")" > /dev/null; } 2>&1
}

# activate COMPONENT PROGRAM: restarts a service that runs, if its configuration is valid. Nothing
# starts that did not run.
activate() {
    has_service "$1" || return 0
    if systemd_runs; then systemctl daemon-reload; fi
    if faults=$(check "$1" "$2"); then
        if systemd_runs && systemctl is-active --quiet "$1.service"; then
            systemctl restart "$1.service"
            say "$1" "restarted; workloads continue"
        else
            say "$1" "installed, not started: systemctl enable --now $1"
        fi
    else
        say_lines "$1" '' "$faults"
        if systemd_runs && systemctl is-active --quiet "$1.service"; then
            say "$1" "the old version keeps running: correct $(config_of "$1"), then systemctl restart $1"
        else
            say "$1" "not started: complete $(config_of "$1"), then systemctl enable --now $1"
        fi
    fi
}

# deactivate COMPONENT: stops the service before its files are removed.
deactivate() {
    has_service "$1" || return 0
    units=$1.service
    if has_backup "$1"; then units="$units $1-backup.timer"; fi
    for unit in $units; do
        if systemd_runs && systemctl cat "$unit" > /dev/null 2>&1; then
            systemctl disable --now --quiet "$unit" || true
        fi
    done
    if [ -n "$(processes_of "$1")" ]; then
        say "$1" "workloads continue without it; a purge ends them"
    fi
}

# forget: makes systemd forget the units whose files were removed.
forget() { if systemd_runs; then systemctl daemon-reload; fi; }

# processes_of USER: the pids of its processes.
processes_of() {
    if getent passwd "$1" > /dev/null && [ -d /proc/self ]; then
        find /proc -maxdepth 1 -name '[1-9]*' -user "$1" -printf '%f\n' 2> /dev/null || true
    fi
}

# end_processes USER: SIGTERM, which a sidecar hands on to its workload; SIGKILL after ten seconds.
end_processes() {
    signal=TERM tries=0
    while pids=$(processes_of "$1") && [ -n "$pids" ]; do
        if [ "$tries" = 100 ]; then signal=KILL; fi
        if [ "$tries" = 0 ] || [ "$signal" = KILL ]; then
            # shellcheck disable=SC2086 # a list of pids
            kill -s "$signal" $pids 2> /dev/null || true
        fi
        tries=$((tries + 1))
        sleep 0.1
    done
}

# purge COMPONENT: ends its workloads and deletes its data. Files of other origin stay.
purge() {
    has_service "$1" || return 0
    end_processes "$1"
    if [ -d "/var/lib/$1" ]; then
        say "$1" "deleting /var/lib/$1 with all data"
        rm -rf "/var/lib/${1:?}"
    fi
    rmdir --ignore-fail-on-non-empty /etc/flow 2> /dev/null || true
    if has_backup "$1"; then rmdir --ignore-fail-on-non-empty "/var/backups/$1" 2> /dev/null || true; fi
    if getent passwd "$1" > /dev/null; then
        kept=$(find /etc/flow "/var/backups/$1" -maxdepth 1 -user "$1" 2> /dev/null || true)
        if [ -n "$kept" ]; then
            say_lines "$1" 'kept ' "$kept"
            say "$1" "kept the user $1, who owns them: delete them, then userdel $1"
        else
            userdel "$1"
        fi
    fi
}
