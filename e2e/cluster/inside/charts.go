package inside

import (
	"strings"
	"testing"
)

// System is the namespace of the controller.
const System = "gatewright-system"

// Namespace makes one that holds its pods to a Pod Security Standard.
func Namespace(t *testing.T, name, standard string) {
	t.Helper()
	if _, err := Try(t.Context(), "kubectl", "create", "namespace", name); err != nil && !strings.Contains(err.Error(), "AlreadyExists") {
		t.Fatal(err)
	}
	Kubectl(t, "label", "namespace", name, "--overwrite", "pod-security.kubernetes.io/enforce="+standard)
}

// Definitions installs the chart of our own definitions.
func Definitions(t *testing.T) {
	t.Helper()
	Namespace(t, System, "restricted")
	Helm(t, "upgrade", "--install", "gatewright-crds", Repository(t, "deploy", "charts", "gatewright-crds"), "--namespace", System)
}

// Install installs or upgrades the controller and waits for it.
func Install(t *testing.T, values ...string) {
	t.Helper()
	Release(t, "gatewright", System, values...)
}

// Release is an installation under any name, anywhere.
func Release(t *testing.T, name, namespace string, values ...string) {
	t.Helper()
	arguments := []string{
		"upgrade", "--install", name, Repository(t, "deploy", "charts", "gatewright"), "--namespace", namespace,
		"--set", "image.tag=dev", "--set", "proxy.image.tag=dev", "--wait", "--timeout", "100s",
	}
	Helm(t, append(arguments, values...)...)
}

// First applies the documentation's first Gateway and returns its address once it is programmed.
func First(t *testing.T, namespace string) string {
	t.Helper()
	Kubectl(t, "apply", "--namespace", namespace, "--filename", Repository(t, "docs", "install", "first.yaml"))
	Kubectl(t, "wait", "--namespace", namespace, "--for=condition=Available", "deployment/hello", "--timeout=60s")
	return Programmed(t, namespace)
}

// Programmed waits for the Gateway edge and returns its first address.
func Programmed(t *testing.T, namespace string) string {
	t.Helper()
	if _, err := Try(t.Context(), "kubectl", "wait", "--namespace", namespace, "--for=condition=Programmed", "gateway/edge", "--timeout=60s"); err != nil {
		t.Fatalf("%v\n%s\n%s", err, Kubectl(t, "describe", "--namespace", namespace, "gateway", "edge"),
			Kubectl(t, "get", "pods", "--all-namespaces", "--output", "wide"))
	}
	return Addresses(t, namespace)[0]
}

// Addresses are those of the Gateway edge, which is programmed.
func Addresses(t *testing.T, namespace string) []string {
	t.Helper()
	addresses := strings.Fields(Field(t, "{.status.addresses[*].value}", "--namespace", namespace, "gateway", "edge"))
	if len(addresses) == 0 {
		t.Fatal("the Gateway has no address")
	}
	return addresses
}
