# shellcheck shell=bash disable=SC2154 # build.sh reads this in, and sets the variables
# The programs with the shared libraries of the machine they were built on, and nothing else.
program "$bin/flow-server" /usr/local/bin/flow-server
program "$bin/flowctl" /usr/local/bin/flowctl
# Strip debug information: half of a debug build.
strip --strip-debug "$context"/root/usr/local/bin/*
echo 'hosts: files dns' > "$context/root/etc/nsswitch.conf"
