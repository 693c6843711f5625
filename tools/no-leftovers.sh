#!/bin/bash
# tools/no-leftovers.sh COMMAND…: runs COMMAND, then kills and lists every process that COMMAND
# started and that still runs. Exit status: that of COMMAND; 1 if COMMAND succeeded and a process
# was left.
#
# A process of COMMAND is recognised by the path of a temporary folder that is made for this run.
# Children inherit the path in their environment (TMPDIR, FLOW_TEST_RUN). A workload has a
# scrubbed environment, and has the path in its command line or working directory. The folder is
# removed at the end.
set -uo pipefail

run=$(mktemp -d "${TMPDIR:-/tmp}/flow.XXXXXXXX")
trap 'rm -rf "$run"' EXIT

# Prints the processes that have the path, as: pid command. `-f` keeps the path out of the command
# line of grep.
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

# A process that ends with its parent may need some time to do so.
for _ in {1..50}; do
    left=$(leftovers)
    [ -n "$left" ] || exit "$status"
    sleep 0.1
done
echo "no-leftovers: still running after the end of: $*" >&2
echo "$left" >&2
while read -r pid _; do kill -9 "$pid"; done <<< "$left"
exit $((status ? status : 1))
