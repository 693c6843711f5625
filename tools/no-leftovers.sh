#!/bin/bash
# tools/no-leftovers.sh COMMAND…: runs COMMAND and fails, with the list, if a process it started is still running
# afterwards (at its own exit status if that was a failure already). What is found is killed.
#
# Everything COMMAND starts is recognised by one word, the path of a temporary folder made for this run. It stands in the
# environment (TMPDIR, FLOW_TEST_RUN), which children inherit; and because a workload gets a scrubbed environment, also
# in the command line, working directory or environment of whatever was given a path inside that folder.
# The folder goes at the end.
set -uo pipefail

run=$(mktemp -d "${TMPDIR:-/tmp}/flow.XXXXXXXX")
trap 'rm -rf "$run"' EXIT

# The processes that have the word, as: pid command. `-f` keeps the word out of grep's own command line.
leftovers() {
    {
        grep -lsF -f <(echo "$run") /proc/[0-9]*/environ /proc/[0-9]*/cmdline
        find /proc/[0-9]* -maxdepth 1 -name cwd -lname "$run*"
    } 2> /dev/null | cut -d / -f 3 | sort -nu | while read -r pid; do
        echo "$pid $(tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline")"
    done
}

TMPDIR=$run FLOW_TEST_RUN=$run "$@"
status=$?

# What dies with its parent may need a moment to do so.
for _ in {1..50}; do
    left=$(leftovers)
    [ -n "$left" ] || exit "$status"
    sleep 0.1
done
echo "no-leftovers: still running after the end of: $*" >&2
echo "$left" >&2
while read -r pid _; do kill -9 "$pid"; done <<< "$left"
exit $((status ? status : 1))
