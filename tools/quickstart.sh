#!/bin/bash
# A hub, two parties and a real federated training on this machine, in one command.
#
#   tools/quickstart.sh              builds, trains, compares with each party alone, leaves nothing running
#   KEEP=1 tools/quickstart.sh       leaves hub and agents up to try things with
#   tools/quickstart.sh start        starts the hub and agents of an earlier quickstart again
#   tools/quickstart.sh reload       makes them read their configuration again (SIGHUP)
#   tools/quickstart.sh stop         ends the processes that KEEP=1 or start left running
#
# Variables: REST_PORT and GRPC_PORT are the ports of the hub (1235, 1234); BIN=FOLDER uses the
# programs in FOLDER in place of a build; RUN_DIR=FOLDER is the working folder (quickstart.run/).
#
# The script writes to that folder and to .cache/ (Python environment and data) only. It uses the
# folder of an earlier quickstart again and deletes nothing in it; to start from an empty folder,
# run `stop` and remove it. The script ends only processes that it started itself.
set -euo pipefail
# The programs refuse a configuration that others can write.
umask go-w

repo=$(cd "$(dirname "$0")/.." && pwd)
state=$(realpath -m "${RUN_DIR:-$repo/quickstart.run}")
bin=$(realpath -m "${BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}")
cd "$repo"
cache=${FLOW_CACHE:-$repo/.cache}
workload=workloads/iflearner-digits
# port SECTION FILE: the port that an earlier quickstart gave this listener of the hub.
port() { [ ! -e "$2" ] || sed -n "/^\[$1\]/,/^listen/s/^listen = \"127\.0\.0\.1:\([0-9]*\)\"$/\1/p" "$2"; }
rest_before=$(port rest "$state/hub.toml")
grpc_before=$(port grpc "$state/hub.toml")
rest_port=${REST_PORT:-${rest_before:-1235}}
grpc_port=${GRPC_PORT:-${grpc_before:-1234}}
export FLOW_SERVER=http://127.0.0.1:$rest_port FLOW_DATA_DIR=$state/hub FLOW_TOKEN_FILE=$state/token
unset FLOW_CONTEXT FLOW_PROJECT

say() { echo "quickstart: $*"; }
# fail SENTENCE [LOG]: reports an error with the end of the log that shows its cause.
fail() {
    echo >&2
    if [ -s "${2:-}" ]; then
        echo "---- last lines of ${2#"$repo"/}" >&2
        tail -n 20 "$2" >&2
        echo ---- >&2
    fi
    echo "quickstart: $1" >&2
    exit 1
}

# Prints the pids of this quickstart: hub, agents and sidecars that work in our folder. The folder
# of the program does not matter, because a program may have been built again since its start.
ours() {
    local exe
    find /proc/[0-9]* -maxdepth 1 -name exe \( -lname "*/flow-server*" -o -lname "*/flow-federate*" \) 2>/dev/null \
        | while read -r exe; do
            if works_here "${exe%/exe}" 2>/dev/null; then basename "${exe%/exe}"; fi
        done
}
# works_here /proc/PID: true if an argument lies in our folder, as an absolute path or relative to
# the repository.
works_here() {
    local line
    line=$(tr '\0' ' ' < "$1/cmdline") || return 1
    case $line in
        *"$state/"*) return 0 ;;
        *" quickstart.run/"*) [ "$state" = "$repo/quickstart.run" ] && [ "$(readlink "$1/cwd")" = "$repo" ] ;;
        *) return 1 ;;
    esac
}
# Prints the pids of the hub and the agents.
servers() {
    local pid
    for pid in $(ours); do
        tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF -e " sidecar " || echo "$pid"
    done
}
# flowctl ARGUMENT…: runs the flowctl of $bin, or the one beside the programs that are running.
flowctl() {
    local pid program=$bin/flowctl
    if [ ! -x "$program" ]; then
        for pid in $(ours); do
            program=$(dirname "$(readlink "/proc/$pid/exe")")/flowctl
            [ ! -x "$program" ] || break
        done
    fi
    "$program" "$@"
}
# until_gone SECONDS: waits until all processes have ended; fails after SECONDS.
until_gone() {
    local deadline=$((SECONDS + $1))
    while [ -n "$(ours)" ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
# Stops the active tasks first, because a workload outlives its agent. Kills the processes that do
# not end.
stop_all() {
    local pids task active=queued,reserving,starting,running
    [ -n "$(ours)" ] || return 0
    for task in $(flowctl task list --phase $active 2> /dev/null | awk 'NR > 1 { print $1 }'); do
        flowctl task stop "$task" > /dev/null 2>&1 || continue
        flowctl task watch "$task" > /dev/null 2>&1 || true
    done
    mapfile -t pids < <(ours)
    [ ${#pids[@]} = 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    if until_gone 15; then return 0; fi # 0: in a trap, a bare return has the status from before the trap
    mapfile -t pids < <(ours)
    kill -KILL "${pids[@]}" 2>/dev/null || true
    until_gone 5
}

left() { ours | tr '\n' ' '; }

# ---- hub and agents ----------------------------------------------------------------------------------------------------

# launch NAME PROGRAM ARGUMENT…: runs PROGRAM in the background in a new session, with the log
# NAME.log.
launch() {
    local name=$1
    shift
    setsid "$@" >> "$state/$name.log" 2>&1 < /dev/null &
}
# Creates the first account of the hub with a token, or a new token in place of one that was lost or has expired.
sign_in() {
    if [ -e "$state/hub/setup-code" ]; then
        rm -f "$FLOW_TOKEN_FILE"
        "$bin/flowctl" setup --name quickstart
    elif [ -e "$state/hub/flow.db" ]; then
        (umask 077 && "$bin/flow-server" admin-token quickstart --config "$state/hub.toml" > "$FLOW_TOKEN_FILE.new") \
            && mv "$FLOW_TOKEN_FILE.new" "$FLOW_TOKEN_FILE"
    fi
}
listens() { (: < "/dev/tcp/127.0.0.1/$rest_port") 2> /dev/null; }
start_hub() {
    local deadline=$((SECONDS + 30)) hub code
    launch hub "$bin/flow-server" serve --config "$state/hub.toml"
    hub=$!
    until "$bin/flowctl" party list > /dev/null 2> "$state/flowctl.log"; do
        code=$?
        # 5: no valid token. A hub that listens has written its setup code.
        [ "$code" != 5 ] || ! listens || sign_in > /dev/null 2>> "$state/flowctl.log" || true
        kill -0 "$hub" 2>/dev/null || fail "the hub did not start" "$state/hub.log"
        [ "$SECONDS" -lt "$deadline" ] || fail "the hub does not answer on $FLOW_SERVER" "$state/hub.log"
        sleep 0.1
    done
    say "the hub is up: $FLOW_SERVER"
}
start_agent() { launch "$1" "$bin/flow-federate" run --config "$state/$1/agent.toml"; }
# Changes the ports in the files of an earlier quickstart if REST_PORT or GRPC_PORT ask for others.
move_ports() {
    [ -e "$state/hub.toml" ] || return 0
    sed -i -e "/^\[rest\]/,/^listen/s/^listen = \"127\.0\.0\.1:$rest_before\"/listen = \"127.0.0.1:$rest_port\"/" \
        -e "/^\[grpc\]/,/^listen/s/^listen = \"127\.0\.0\.1:$grpc_before\"/listen = \"127.0.0.1:$grpc_port\"/" "$state/hub.toml"
    for party in party-a party-b; do
        [ ! -e "$state/$party/agent.toml" ] \
            || sed -i "s|^address = \"http://127\.0\.0\.1:$grpc_before\"|address = \"http://127.0.0.1:$grpc_port\"|" "$state/$party/agent.toml"
    done
}
check_ports() {
    local port
    for port in "REST_PORT $rest_port" "GRPC_PORT $grpc_port"; do
        if (: < "/dev/tcp/127.0.0.1/${port#* }") 2> /dev/null; then
            fail "port ${port#* } of 127.0.0.1 is taken by another program; choose another with ${port% *}=PORT"
        fi
    done
}
hints() {
    cat << END
  Hub and agents are up. Open the web console and sign in with the code, which is valid for 15 minutes and one sign-in:

$(flowctl console | sed 's/^/    /')

  A new code: flowctl console. Or try, in any shell:

    export FLOW_SERVER=$FLOW_SERVER FLOW_TOKEN_FILE=$(printf %q "$FLOW_TOKEN_FILE") PATH=\$PATH:$(printf %q "$bin")
    flowctl task list
    flowctl logs digits party-a
    flowctl task submit $(printf %q "$repo/$workload/task.yaml") --name again --epochs 8 -p fit-seconds=1 --watch
    flowctl task stop again                   # from another terminal; or kill -9 an agent, then start

  Your own script and data, in five minutes: $repo/docs/first-task.md
  After a change of a configuration file: $repo/tools/quickstart.sh reload
  End it: $repo/tools/quickstart.sh stop; continue later: $repo/tools/quickstart.sh start

END
}

case ${1:-} in
    "") ;;
    stop)
        ended="nothing was running"
        [ -z "$(ours)" ] || ended="stopped hub and agents"
        stop_all || fail "these processes did not end: $(left)"
        say "$ended; $state stays as it is"
        exit 0
        ;;
    start)
        [ -e "$state/hub.toml" ] || fail "there is no quickstart in $state yet; make one with: KEEP=1 tools/quickstart.sh"
        for program in flow-server flow-federate flowctl; do
            [ -x "$bin/$program" ] || fail "there is no $program in $bin; build it with: make build"
        done
        if [ -z "$(servers)" ]; then
            check_ports
            move_ports
        fi
        up=$(for pid in $(servers); do tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null; done)
        grep -qF "/hub.toml" <<< "$up" || start_hub
        for party in party-a party-b; do
            grep -qF "/$party/agent.toml" <<< "$up" || [ ! -e "$state/$party/agent.toml" ] || start_agent "$party"
        done
        hints
        exit 0
        ;;
    reload)
        mapfile -t pids < <(servers)
        [ ${#pids[@]} != 0 ] || fail "nothing is running in $state; start it with: tools/quickstart.sh start"
        kill -HUP "${pids[@]}"
        say "sent SIGHUP to hub and agents; the result is in $state/{hub,party-a,party-b}.log"
        exit 0
        ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

# ---- requirements ----------------------------------------------------------------------------------------------------

command -v cargo > /dev/null || fail "Rust is missing; install it with the command on https://rustup.rs"
[ -z "$(ours)" ] || fail "an earlier quickstart is still up; end it with: tools/quickstart.sh stop"
check_ports
needed=1
[ -x "$bin/flow-server" ] || needed=5
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free" -ge "$needed" ] || fail "this disk has $free GiB free and $needed are needed; free some space"

tools/setup-test.sh machine

# The marker comes first: an interrupted quickstart recognises its folder by it.
if [ -e "$state/.quickstart" ] || [ -e "$state/hub.toml" ]; then
    say "using $state again and keeping its content (to start from an empty folder, remove it)"
elif [ -n "$(ls -A "$state" 2> /dev/null)" ]; then
    fail "$state is not empty and was not made by a quickstart; move it away, or choose another folder with RUN_DIR=FOLDER"
fi
mkdir -p "$state"
chmod 700 "$state"
: > "$state/.quickstart"
move_ports

installing=
clean_up() {
    trap - EXIT
    trap '' INT TERM
    [ -z "$(ours)" ] || say "stopping hub, agents and workloads"
    [ -z "$installing" ] || kill -TERM -- "-$installing" 2>/dev/null || true
    stop_all || echo "quickstart: some processes did not end: $(left)" >&2
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- build and install, side by side -----------------------------------------------------------------------------------

SECONDS=0
if [ -z "${BIN:-}" ]; then
    say "building the web console"
    tools/setup-test.sh console || exit 1
fi
# A new session: Ctrl-C reaches only this script, which ends the processes in order.
# shellcheck disable=SC2016 # the inner shell expands it
setsid bash -c 'SECONDS=0; tools/setup-test.sh venv digits && echo "$SECONDS" > "$1"' - "$state/install.seconds" \
    > "$state/install.log" 2>&1 &
installing=$!
say "building (flow-server, flow-federate, flowctl) and installing iflearner into ${cache#"$repo"/}/"
if [ -z "${BIN:-}" ]; then
    # The selection of `make build`: another one would compile the dependencies again.
    cargo build --workspace --locked --bins || fail "the build failed; the compiler names the cause above"
fi
build_s=$SECONDS
wait "$installing" || { installing=; fail "the Python environment could not be made" "$state/install.log"; }
installing=
install_s=$(cat "$state/install.seconds")

# ---- a hub and two parties ---------------------------------------------------------------------------------------------

SECONDS=0
image=$state/images/iflearner-digits
[ -e "$image/.made" ] || { tools/make-image.sh "$cache/venv" "$workload" "$image" && : > "$image/.made"; }
toml() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

[ -e "$state/hub.toml" ] || cat > "$state/hub.toml.new" << END
data_dir = $(toml "$state/hub")
[rest]
listen = "127.0.0.1:$rest_port"
[grpc]
listen = "127.0.0.1:$grpc_port"
[health]
listen = ""
[hub_agent.images."iflearner-digits"]
root = $(toml "$image")
allow = true
# For a first task of your own, see docs/first-task.md.
[hub_agent.images.mine]
root = $(toml "$state/images/mine")
allow = true
END
[ -e "$state/hub.toml" ] || mv "$state/hub.toml.new" "$state/hub.toml"
start_hub

for party in party-a party-b; do
    # A party holds its own rows and the test set, which both parties may see.
    mkdir -p "$state/$party/data" "$state/$party/alone"
    for rows in "$party.npz" test.npz; do
        [ -e "$state/$party/data/$rows" ] || cp "$cache/digits/$rows" "$state/$party/data"
    done
    secret=$state/$party/secret
    if [ ! -s "$secret" ]; then
        # If an earlier quickstart was killed here, the party exists and its secret file
        # is empty: rotate the secret.
        rm -f "$secret"
        "$bin/flowctl" party add "$party" --remark "made by the quickstart" --secret-file "$secret" > /dev/null 2> "$state/flowctl.log" \
            || "$bin/flowctl" party rotate-secret "$party" --secret-file "$secret" > /dev/null 2>> "$state/flowctl.log" \
            || fail "could not add $party" "$state/flowctl.log"
    fi
    [ -e "$state/$party/agent.toml" ] || cat > "$state/$party/agent.toml.new" << END
party = "$party"
data_dir = $(toml "$state/$party/agent")
[hub]
address = "http://127.0.0.1:$grpc_port"
secret_file = $(toml "$state/$party/secret")
[images."iflearner-digits"]
root = $(toml "$image")
allow = true
[datasets.digits]
path = $(toml "$state/$party/data")
# For a first task of your own, see docs/first-task.md.
[images.mine]
root = $(toml "$state/images/mine")
allow = true
[datasets.mine]
path = $(toml "$state/$party/mine")
END
    [ -e "$state/$party/agent.toml" ] || mv "$state/$party/agent.toml.new" "$state/$party/agent.toml"
    start_agent "$party"
done
say "two parties with 674 images each: party-a mostly digits 0 to 4, party-b mostly digits 5 to 9"

# ---- training ----------------------------------------------------------------------------------------------------------

"$bin/flowctl" apply -f "$workload/template.yaml"
code=0
"$bin/flowctl" task submit "$workload/task.yaml" --watch || code=$?
if [ "$code" != 0 ]; then
    [ "$code" != 130 ] || exit 130
    for party in hub party-a party-b; do
        log=$state/$party.workload.log
        "$bin/flowctl" logs --tail 20 digits "$party" > "$log" 2>/dev/null || continue
        { echo "---- last lines of the workload at $party"; cat "$log"; } >&2
    done
    fail "the training did not succeed (flowctl: $code); the logs of hub and agents are $state/{hub,party-a,party-b}.log"
fi
train_s=$SECONDS

# ---- result ---------------------------------------------------------------------------------------------------

# accuracy FILE EVENT: prints the accuracy in the last line of EVENT in a metrics file.
accuracy() { grep -F "\"event\": \"$2\"" "$1" | tail -n 1 | sed -n 's/.*"acc": \([0-9.]*\).*/\1/p'; }
say "for comparison: the same training, each party alone"
for party in party-a party-b; do
    (
        cd "$state/$party/alone"
        env -i PYTHONPATH="$image/compat" HOME="$PWD" FED_DATA_DIR=../data FED_OUTPUT_DIR="$PWD" \
            "$image/bin/train" --solo --name="$party" --epochs=5
    ) > "$state/$party/alone.log" 2>&1 || fail "training alone failed" "$state/$party/alone.log"
done

# The accuracy of the last average, as the parties measured it and the agents reported it to the
# hub.
"$bin/flowctl" run get digits -o json > "$state/run.json"
read -r run_id shared < <("$cache/venv/bin/python" - "$state/run.json" << 'END'
import json, sys
run = json.load(open(sys.argv[1]))
found = [m["progress"]["metrics"].get("global/acc") for m in run["members"] if m["role"] == "trainer" and m.get("progress")]
print(run["id"], "%.4f" % min(found) if found and None not in found else "")
END
) || true
[ -n "$shared" ] || fail "the run shows no accuracy of the shared model; see $state/run.json" "$state/hub.log"

cat << END

  accuracy on 449 images that no party trained with
    trained together   $shared
    party-a alone      $(accuracy "$state/party-a/alone/metrics.jsonl" local)
    party-b alone      $(accuracy "$state/party-b/alone/metrics.jsonl" local)

  time     build $build_s s, install $install_s s (side by side), hub to end of training $train_s s
  models   $(find "$state"/party-?/agent/runs/"$run_id"-* -name model.npz | sed '2,$s/^/           /')
  logs     $state/{hub,party-a,party-b}.log

END

if [ -n "${KEEP:-}" ]; then
    trap - EXIT
    hints
fi
