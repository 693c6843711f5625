#!/bin/bash
# A hub, two parties and a real federated training on this machine, in one command.
#
#   tools/quickstart.sh              builds, trains, compares with each party alone, leaves nothing running
#   KEEP=1 tools/quickstart.sh       leaves hub and agents up to try things with
#   tools/quickstart.sh stop         ends what KEEP=1 left
#
# REST_PORT and GRPC_PORT move the hub's ports (1235, 1234); BIN=FOLDER uses programs that were built before. Everything it
# writes is in quickstart.run/, made anew each time, and .cache/ (Python environment and data, kept). It ends only
# processes it started itself.
set -euo pipefail
# The programs refuse a configuration that others can write.
umask go-w

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
state=$repo/quickstart.run
cache=${FLOW_CACHE:-$repo/.cache}
bin=${BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
workload=workloads/iflearner-digits
rest_port=${REST_PORT:-1235}
grpc_port=${GRPC_PORT:-1234}
export FLOW_SERVER=http://127.0.0.1:$rest_port FLOW_DATA_DIR=$state/hub
unset FLOW_TOKEN_FILE

say() { echo "quickstart: $*"; }
# fail SENTENCE [LOG]: what went wrong, with the end of the log that shows why.
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

# Processes of this quickstart: our programs (also if built anew since), working in our directory.
ours() {
    local exe
    find /proc/[0-9]* -maxdepth 1 -name exe \( -lname "$bin/flow-server*" -o -lname "$bin/flow-federate*" \) 2>/dev/null \
        | while read -r exe; do
            if { tr '\0' ' ' < "${exe%/exe}/cmdline"; } 2>/dev/null | grep -qF -e "$state/" -e " quickstart.run/"; then basename "${exe%/exe}"; fi
        done
}
# until_gone SECONDS: waits until none is left.
until_gone() {
    local deadline=$((SECONDS + $1))
    while [ -n "$(ours)" ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
# Work outlives its agent, so the task is stopped first; what does not go by itself then is killed.
stop_all() {
    local pids
    [ -n "$(ours)" ] || return 0
    if "$bin/flowctl" task stop digits > /dev/null 2>&1; then
        "$bin/flowctl" task watch digits > /dev/null 2>&1 || true
    fi
    mapfile -t pids < <(ours)
    [ ${#pids[@]} = 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    if until_gone 15; then return 0; fi # with its number: in a trap, a bare return answers the status before the trap
    mapfile -t pids < <(ours)
    kill -KILL "${pids[@]}" 2>/dev/null || true
    until_gone 5
}

case ${1:-} in
    "") ;;
    stop) stop_all; say "nothing is running"; exit 0 ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

# ---- what it needs ----------------------------------------------------------------------------------------------------

command -v cargo > /dev/null || fail "Rust is missing; install it with the command on https://rustup.rs"
[ -z "$(ours)" ] || fail "an earlier quickstart is still up; end it with: tools/quickstart.sh stop"
taken() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
! taken "$rest_port" || fail "port $rest_port of 127.0.0.1 is taken by another program; choose another with REST_PORT=PORT"
! taken "$grpc_port" || fail "port $grpc_port of 127.0.0.1 is taken by another program; choose another with GRPC_PORT=PORT"
needed=1
[ -x "$bin/flow-server" ] || needed=5
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free" -ge "$needed" ] || fail "needs $needed GiB of free disk here, and there are $free"

tools/setup-test.sh machine

rm -rf "$state"
mkdir -p "$state"
chmod 700 "$state"

installing=
clean_up() {
    trap - EXIT
    trap '' INT TERM
    [ -z "$(ours)" ] || say "stopping what was started"
    [ -z "$installing" ] || kill -TERM -- "-$installing" 2>/dev/null || true
    stop_all || echo "quickstart: some processes did not end: $(ours | tr '\n' ' ')" >&2
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- build and install, side by side -----------------------------------------------------------------------------------

# A session of its own each, so that Ctrl-C reaches this script first, which ends things in their order.
# shellcheck disable=SC2016 # the inner shell is to expand it
setsid bash -c 'SECONDS=0; tools/setup-test.sh venv digits && echo "$SECONDS" > "$1"' - "$state/install.seconds" \
    > "$state/install.log" 2>&1 &
installing=$!
say "building (flow-server, flow-federate, flowctl) and installing iflearner into ${cache#"$repo"/}/"
SECONDS=0
if [ -z "${BIN:-}" ]; then
    cargo build --locked --bins -p flow-server -p flow-federate -p flowctl || fail "the build failed; the compiler says why above"
fi
build_s=$SECONDS
wait "$installing" || { installing=; fail "the Python environment could not be made" "$state/install.log"; }
installing=
install_s=$(cat "$state/install.seconds")

# ---- a hub and two parties ---------------------------------------------------------------------------------------------

SECONDS=0
image=$state/images/iflearner-digits
tools/make-image.sh "$cache/venv" "$workload" "$image"
toml() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

cat > "$state/hub.toml" << END
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
# start NAME PROGRAM ARGUMENT…: in the background, in a session of its own, with a log of its own.
start() {
    local name=$1
    shift
    setsid "$@" > "$state/$name.log" 2>&1 < /dev/null &
}
start hub "$bin/flow-server" serve --config "$state/hub.toml"
hub=$!
deadline=$((SECONDS + 30))
until "$bin/flowctl" party list > /dev/null 2> "$state/flowctl.log"; do
    kill -0 "$hub" 2>/dev/null || fail "the hub did not start" "$state/hub.log"
    [ "$SECONDS" -lt "$deadline" ] || fail "the hub does not answer on $FLOW_SERVER" "$state/hub.log"
    sleep 0.1
done
say "the hub is up: $FLOW_SERVER"

for party in party-a party-b; do
    # A party holds its own rows and the test set, which both may see, and nothing else.
    mkdir -p "$state/$party/data" "$state/$party/alone"
    cp "$cache/digits/$party.npz" "$cache/digits/test.npz" "$state/$party/data"
    "$bin/flowctl" party add "$party" --remark "made by the quickstart" --secret-file "$state/$party/secret" > /dev/null \
        || fail "could not add $party" "$state/hub.log"
    cat > "$state/$party/agent.toml" << END
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
    start "$party" "$bin/flow-federate" run --config "$state/$party/agent.toml"
done
say "two parties, each with 674 images of its own: party-a mostly of 0 to 4, party-b mostly of 5 to 9"

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
    fail "the training did not succeed (flowctl: $code); the logs of hub and agents are quickstart.run/{hub,party-a,party-b}.log"
fi
train_s=$SECONDS

# ---- what came of it ---------------------------------------------------------------------------------------------------

# accuracy FILE EVENT: of the last line of this event in a metrics file.
accuracy() { grep -F "\"event\": \"$2\"" "$1" | tail -n 1 | sed -n 's/.*"acc": \([0-9.]*\).*/\1/p'; }
say "for comparison: the same training, each party alone"
for party in party-a party-b; do
    (
        cd "$state/$party/alone"
        env -i PYTHONPATH="$image/compat" HOME="$PWD" FED_DATA_DIR=../data FED_OUTPUT_DIR="$PWD" \
            "$image/bin/train" --solo --name="$party" --epochs=5
    ) > "$state/$party/alone.log" 2>&1 || fail "training alone failed" "$state/$party/alone.log"
done

# The last average, as the parties measured it and their agents reported it to the hub.
"$bin/flowctl" run get digits -o json > "$state/run.json"
shared=$("$cache/venv/bin/python" - "$state/run.json" << 'END'
import json, sys
run = json.load(open(sys.argv[1]))
found = [m["progress"]["metrics"].get("global/acc") for m in run["members"] if m["role"] == "trainer" and m.get("progress")]
print("%.4f" % min(found) if found and None not in found else "")
END
)
[ -n "$shared" ] || fail "the run shows no accuracy of the shared model; see flowctl run get digits" "$state/hub.log"

cat << END

  accuracy on 449 images nobody trained with
    trained together   $shared
    party-a alone      $(accuracy "$state/party-a/alone/metrics.jsonl" local)
    party-b alone      $(accuracy "$state/party-b/alone/metrics.jsonl" local)

  time     build $build_s s, install $install_s s (side by side), hub to end of training $train_s s
  models   $(find "$state"/party-?/agent -name model.npz | sed "s|^$repo/||" | paste -sd' ' | sed 's/ /\n           /g')
  logs     quickstart.run/{hub,party-a,party-b}.log

END

if [ -n "${KEEP:-}" ]; then
    trap - EXIT
    cat << END
  Hub and agents are up. Try, in this shell:

    export FLOW_SERVER=$FLOW_SERVER FLOW_DATA_DIR=${FLOW_DATA_DIR#"$repo"/} PATH=\$PATH:${bin#"$repo"/}
    flowctl task list
    flowctl logs digits party-a
    flowctl task submit $workload/task.yaml --name again --epochs 8 -p fit-seconds=1 --watch
    flowctl task stop again                   # from another terminal; or kill -9 an agent and start it again

  Your own script and data, in five minutes: docs/first-task.md. End it all with: tools/quickstart.sh stop
END
fi
