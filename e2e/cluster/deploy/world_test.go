//go:build cluster

// Package deploy installs, upgrades and removes the charts in a running cluster, with the commands that the
// documentation names; `cargo xtask deployment` starts one for it.
package deploy

import (
	"fmt"
	"net"
	"testing"

	"gatewright.dev/e2e/cluster/inside"
)

// example is the argument for values of deploy/examples.
func example(t *testing.T, name string) []string {
	t.Helper()
	return []string{"--values", inside.Repository(t, "deploy", "examples", name+".yaml")}
}

// target is the documentation's first route.
func target(address string, port int) inside.Target {
	return inside.Target{Address: net.JoinHostPort(address, fmt.Sprint(port)), Host: "hello.example.com"}
}

// remove deletes namespaces, without patience for their backends.
func remove(t *testing.T, namespaces ...string) {
	t.Helper()
	for _, name := range namespaces {
		inside.Kubectl(t, "delete", "deployment", "hello", "--namespace", name, "--ignore-not-found")
		inside.Kubectl(t, "delete", "pods", "--selector=app=hello", "--namespace", name, "--now")
		// A namespace with pods that end is looked at again only after half of their grace period.
		inside.Kubectl(t, "delete", "gateways", "--all", "--namespace", name)
		inside.Gone(t, "pods", "--namespace", name, ours)
	}
	inside.Kubectl(t, append([]string{"delete", "namespace", "--timeout=90s"}, namespaces...)...)
}
