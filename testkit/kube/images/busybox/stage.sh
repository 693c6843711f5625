put "$cache/kube-node/root/bin/busybox" /bin/busybox
for applet in $("$cache/kube-node/root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$context/root/bin/$applet"
done
