//go:build cluster

package deploy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

// ours selects what Gateways became.
const ours = "--selector=app.kubernetes.io/managed-by=gatewright"

// kinds that Gateways become.
const kinds = "deployments,daemonsets,services,serviceaccounts,configmaps,poddisruptionbudgets,horizontalpodautoscalers,pods"

// Installed as docs/install.md says, upgraded under load, and removed in the order that it names.
func TestAnInstallationIsUpgradedWithoutLossAndLeavesNothing(t *testing.T) {
	inside.Definitions(t)
	inside.Install(t)
	inside.Namespace(t, "web", "restricted")
	address := inside.First(t, "web")
	inside.Answers(t, target(address, 80))

	load := inside.Start(target(address, 80))
	inside.Install(t, "--set", "logLevel=debug")
	load.End(t, "new controllers")

	load = inside.Start(target(address, 80))
	inside.Install(t, "--set", "logLevel=debug", "--set", "proxy.image.tag=next")
	inside.Until(t, func() error {
		image := inside.Field(t, "{.spec.template.spec.containers[0].image}", "--namespace", "web", "deployment", "edge-gatewright")
		if !strings.HasSuffix(image, ":next") {
			return fmt.Errorf("image %s", image)
		}
		return nil
	})
	inside.Kubectl(t, "rollout", "status", "--namespace", "web", "deployment/edge-gatewright", "--timeout=90s")
	inside.Gone(t, "pods", "--namespace", "web", "--selector=gateway.networking.k8s.io/gateway-name=edge", "--field-selector=status.phase!=Running")
	load.End(t, "new proxies")

	load = inside.Start(target(address, 80))
	inside.Install(t, "--set", "gatewayClass.parameters.deployment.replicas=3")
	inside.Until(t, func() error { return ready("web", 3, t) })
	inside.Install(t, "--set", "gatewayClass.parameters.deployment.replicas=1")
	inside.Until(t, func() error { return ready("web", 1, t) })
	load.End(t, "one proxy, three, and one")

	clean(t, "web")
}

// The controller is removed while Gateways exist: nothing hangs, traffic goes on, and a new installation takes over.
func TestAnInstallationRemovedBeforeItsGatewaysHindersNothing(t *testing.T) {
	inside.Definitions(t)
	inside.Install(t)
	inside.Namespace(t, "web", "restricted")
	address := inside.First(t, "web")
	inside.Answers(t, target(address, 80))
	load := inside.Start(target(address, 80))

	began := time.Now()
	inside.Helm(t, "uninstall", "gatewright", "--namespace", inside.System)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the removal took %s", took)
	}
	inside.Gone(t, "pods", "--namespace", inside.System)
	// In use, it stays; its finalizer holds nothing else up.
	if inside.Field(t, "{.metadata.deletionTimestamp}", "gatewayclass", "gatewright") == "" {
		t.Error("the class is not being deleted")
	}
	// A proxy that starts without any controller would have no configuration, one that runs keeps its own.
	time.Sleep(3 * time.Second)

	inside.Install(t)
	if address != inside.Programmed(t, "web") {
		t.Error("the address changed")
	}
	load.End(t, "without a controller, and a new one")

	inside.Kubectl(t, "delete", "gateways", "--all", "--namespace", "web", "--timeout=60s")
	inside.Gone(t, "gatewayclasses")
	// The release still names the class that is gone: an upgrade brings it back.
	inside.Install(t)
	inside.Kubectl(t, "wait", "--for=condition=Accepted", "gatewayclass/gatewright", "--timeout=60s")

	// Removed again, now for good and with a Gateway left: the documented way out.
	inside.First(t, "web")
	inside.Helm(t, "uninstall", "gatewright", "--namespace", inside.System)
	inside.Gone(t, "pods", "--namespace", inside.System)
	inside.Kubectl(t, "delete", "gateways", "--all", "--namespace", "web", "--timeout=60s")
	inside.Gone(t, kinds, "--all-namespaces", ours)
	inside.Kubectl(t, "patch", "gatewayclass", "gatewright", "--type", "merge", "--patch", `{"metadata":{"finalizers":null}}`)
	inside.Gone(t, "gatewayclasses")
	clean(t, "web")
}

// clean removes everything in the order of the documents and looks for remains.
func clean(t *testing.T, namespaces ...string) {
	t.Helper()
	inside.Kubectl(t, "delete", "gateways", "--all", "--all-namespaces", "--timeout=60s")
	if _, err := inside.Try(t.Context(), "kubectl", "get", "deployment", "gatewright-controller", "--namespace", inside.System); err == nil {
		inside.Helm(t, "uninstall", "gatewright", "--namespace", inside.System)
	}
	inside.Helm(t, "uninstall", "gatewright-crds", "--namespace", inside.System)
	remains(t, append(namespaces, inside.System)...)
}

// remains looks for what an installation left, and removes the namespaces that a test made.
func remains(t *testing.T, namespaces ...string) {
	t.Helper()
	inside.Gone(t, "gatewayclasses")
	inside.Gone(t, kinds, "--all-namespaces", ours)
	inside.Gone(t, "clusterroles,clusterrolebindings", "--selector=app.kubernetes.io/name=gatewright-controller")
	inside.Gone(t, "roles,rolebindings", "--all-namespaces", "--selector=app.kubernetes.io/name=gatewright-controller")
	inside.Gone(t, "customresourcedefinitions", "softwaregatewayparameters.gatewright.dev")
	remove(t, namespaces...)
}

func ready(namespace string, want int, t *testing.T) error {
	t.Helper()
	status := inside.Field(t, "{.spec.replicas} {.status.replicas} {.status.readyReplicas}", "--namespace", namespace, "deployment", "edge-gatewright")
	if number := strconv.Itoa(want); status != strings.Join([]string{number, number, number}, " ") {
		return fmt.Errorf("replicas wanted, made, ready: %s, want %d", status, want)
	}
	return nil
}

// Each of deploy/examples, as far as it can be had in one cluster.
func TestExamplesLeadToTraffic(t *testing.T) {
	node := inside.Field(t, "{.status.addresses[?(@.type=='InternalIP')].address}", "node", "node")
	node, _, _ = strings.Cut(node, " ")
	for _, one := range []struct {
		name     string
		values   []string
		standard string
		address  string
	}{
		{"kind", example(t, "kind"), "privileged", node},
		{"bare-metal", example(t, "bare-metal"), "privileged", node},
		{"external-ips", example(t, "external-ips"), "restricted", "192.0.2.10"},
		{"metallb", example(t, "metallb"), "restricted", ""},
		{"cluster-ip", []string{"--set", "gatewayClass.parameters.service.type=ClusterIP"}, "restricted", ""},
		{"node-port", []string{"--set", "gatewayClass.parameters.service.type=NodePort"}, "restricted", node},
	} {
		t.Run(one.name, func(t *testing.T) {
			inside.Kubectl(t, "label", "node", "node", "--overwrite", "gatewright.dev/edge=true")
			inside.Definitions(t)
			inside.Install(t, append(one.values, "--set", "replicaCount=1")...)
			space := "example-" + one.name
			if one.standard == "privileged" {
				refused(t, space)
			}
			inside.Namespace(t, space, one.standard)
			address := inside.First(t, space)
			if one.address != "" && address != one.address {
				t.Errorf("address %s, want %s", address, one.address)
			}
			port := 80
			if one.name == "node-port" {
				text := inside.Field(t, "{.spec.ports[0].nodePort}", "--namespace", space, "service", "edge-gatewright")
				var err error
				if port, err = strconv.Atoi(text); err != nil {
					t.Fatal(err)
				}
			}
			families := map[bool]int{}
			for _, address := range inside.Addresses(t, space) {
				inside.Answers(t, target(address, port))
				families[strings.Contains(address, ":")]++
			}
			if one.address == node && families[true] == 0 {
				t.Errorf("no IPv6 address, the node has one: %v", inside.Addresses(t, space))
			}
			remove(t, space)
		})
	}
	clean(t)
}

// refused shows what a Gateway says whose proxies want what their namespace does not allow.
func refused(t *testing.T, space string) {
	t.Helper()
	inside.Namespace(t, space, "restricted")
	inside.Kubectl(t, "apply", "--namespace", space, "--filename", inside.Repository(t, "docs", "install", "first.yaml"))
	inside.Until(t, func() error {
		programmed := inside.Field(t, "{range .status.conditions[?(@.type=='Programmed')]}{.status} {.reason}: {.message}{end}", "--namespace", space, "gateway", "edge")
		if !strings.HasPrefix(programmed, "False AddressNotAssigned: ") || !strings.Contains(programmed, "pod-security.kubernetes.io/enforce") {
			return fmt.Errorf("the Gateway says %q", programmed)
		}
		return nil
	})
}

// unseen is a Gateway of the first installation's class where it has no rights.
const unseen = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: unseen}
spec:
  gatewayClassName: gatewright
  listeners: [{name: http, port: 80, protocol: HTTP}]
`

// Two installations beside each other, one of them for some namespaces: each serves its own.
func TestInstallationsKeepApart(t *testing.T) {
	inside.Definitions(t)
	for _, name := range []string{"shop", "blog", "other", "internal-gateways"} {
		inside.Namespace(t, name, "restricted")
	}
	inside.Install(t, append(example(t, "namespaces"), "--set", "replicaCount=1")...)
	inside.Release(t, "internal", "internal-gateways", append(example(t, "second"), "--set", "replicaCount=1")...)

	inside.Answers(t, target(inside.First(t, "shop"), 80))
	// Outside of its namespaces the first installation sees nothing.
	inside.Kubectl(t, "apply", "--namespace", "other", "--filename", inside.Repository(t, "docs", "install", "first.yaml"))
	inside.Apply(t, "other", unseen)
	// The second one serves Gateways of its class alone, anywhere.
	inside.Kubectl(t, "patch", "gateway", "edge", "--namespace", "other", "--type", "merge", "--patch", `{"spec":{"gatewayClassName":"internal"}}`)
	inside.Answers(t, target(inside.Programmed(t, "other"), 80))
	// Whatever the first installation would have made in the meantime, it would have made before this, which it was
	// asked for later.
	inside.Answers(t, target(inside.First(t, "blog"), 80))
	if found := inside.Kubectl(t, "get", kinds, "--namespace", "other", "--output", "name", "--ignore-not-found",
		ours+",gateway.networking.k8s.io/gateway-class-name=gatewright"); strings.Contains(found, "/") {
		t.Errorf("the first installation made something outside of its namespaces: %s", found)
	}
	// A Gateway of its class that it must not see keeps the status that it was made with.
	status := inside.Field(t, "{.status.conditions[*].reason}", "--namespace", "other", "gateway", "unseen")
	if strings.Trim(strings.ReplaceAll(status, "Pending", ""), " ") != "" {
		t.Errorf("the first installation wrote the status of a Gateway outside of its namespaces: %s", status)
	}

	account := "--as=system:serviceaccount:" + inside.System + ":gatewright-controller"
	for what, want := range map[string]string{
		"list secrets --namespace shop":                        "yes",
		"list secrets --namespace other":                       "no",
		"create deployments.apps --namespace blog":             "yes",
		"create deployments.apps --namespace other":            "no",
		"create deployments.apps --namespace " + inside.System: "yes",
		"list secrets --namespace " + inside.System:            "no",
		"delete nodes": "no",
	} {
		got, _ := inside.Try(t.Context(), "kubectl", append([]string{"auth", "can-i", account}, strings.Fields(what)...)...)
		// Above the answer may stand a warning.
		if lines := strings.Split(got, "\n"); lines[len(lines)-1] != want {
			t.Errorf("%s: %q, want %s", what, got, want)
		}
	}
	for _, place := range [][2]string{{inside.System, "gatewright-controller"}, {"internal-gateways", "internal-gatewright-controller"}} {
		log := inside.Kubectl(t, "logs", "--namespace", place[0], "deployment/"+place[1])
		for _, line := range strings.Split(log, "\n") {
			if strings.Contains(strings.ToLower(line), "forbidden") {
				t.Errorf("%s: %s", place[1], line)
			}
		}
	}
	inside.Kubectl(t, "delete", "gateways", "--all", "--all-namespaces", "--timeout=60s")
	inside.Helm(t, "uninstall", "internal", "--namespace", "internal-gateways")
	clean(t, "shop", "blog", "other", "internal-gateways")
}
