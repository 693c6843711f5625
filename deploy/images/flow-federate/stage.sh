# shellcheck shell=bash disable=SC2154 # build.sh sources this file and sets the variables
# Copies only the program and the shared libraries of the build machine.
program "$bin/flow-federate" /usr/local/bin/flow-federate
# Debug information is half of a debug build.
strip --strip-debug "$context"/root/usr/local/bin/*
echo 'hosts: files dns' > "$context/root/etc/nsswitch.conf"
