// Package kube pins the programs of the test cluster: go.mod names their versions, go.sum what they are made of.
//
// The import keeps the Gateway API among the pinned modules. Only its YAML files are used, none of its code.
package kube

import _ "sigs.k8s.io/gateway-api/pkg/consts"
