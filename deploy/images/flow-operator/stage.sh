# shellcheck shell=bash disable=SC2154 # build.sh reads this in, and sets the variables
# The program with the shared libraries of the machine it was built on, and nothing else.
program "$bin/flow-operator" /usr/local/bin/flow-operator
# Strip debug information: half of a debug build.
strip --strip-debug "$context"/root/usr/local/bin/*
echo 'hosts: files dns' > "$context/root/etc/nsswitch.conf"
