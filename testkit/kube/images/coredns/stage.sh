put "$cache/kube/bin/coredns" /coredns
