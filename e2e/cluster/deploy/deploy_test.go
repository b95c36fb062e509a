//go:build cluster

package deploy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ours selects what Gateways became.
const ours = "--selector=app.kubernetes.io/managed-by=gatewright"

// kinds that Gateways become.
const kinds = "deployments,daemonsets,services,serviceaccounts,configmaps,poddisruptionbudgets,horizontalpodautoscalers,pods"

// Installed as docs/install.md says, upgraded under load, and removed in the order that it names.
func TestAnInstallationIsUpgradedWithoutLossAndLeavesNothing(t *testing.T) {
	definitions(t)
	install(t)
	namespace(t, "web", "restricted")
	address := first(t, "web")
	answers(t, address, 80)

	load := start(address, 80)
	install(t, "--set", "logLevel=debug")
	load.end(t, "new controllers")

	load = start(address, 80)
	install(t, "--set", "logLevel=debug", "--set", "proxy.image.tag=next")
	until(t, func() error {
		image := field(t, "{.spec.template.spec.containers[0].image}", "--namespace", "web", "deployment", "edge-gatewright")
		if !strings.HasSuffix(image, ":next") {
			return fmt.Errorf("image %s", image)
		}
		return nil
	})
	kubectl(t, "rollout", "status", "--namespace", "web", "deployment/edge-gatewright", "--timeout=90s")
	gone(t, "pods", "--namespace", "web", "--selector=gateway.networking.k8s.io/gateway-name=edge", "--field-selector=status.phase!=Running")
	load.end(t, "new proxies")

	load = start(address, 80)
	install(t, "--set", "gatewayClass.parameters.deployment.replicas=3")
	until(t, func() error { return ready("web", 3, t) })
	install(t, "--set", "gatewayClass.parameters.deployment.replicas=1")
	until(t, func() error { return ready("web", 1, t) })
	load.end(t, "one proxy, three, and one")

	clean(t, "web")
}

// The controller is removed while Gateways exist: nothing hangs, traffic goes on, and a new installation takes over.
func TestAnInstallationRemovedBeforeItsGatewaysHindersNothing(t *testing.T) {
	definitions(t)
	install(t)
	namespace(t, "web", "restricted")
	address := first(t, "web")
	answers(t, address, 80)
	load := start(address, 80)

	began := time.Now()
	helm(t, "uninstall", "gatewright", "--namespace", system)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the removal took %s", took)
	}
	gone(t, "pods", "--namespace", system)
	// In use, it stays; its finalizer holds nothing else up.
	if field(t, "{.metadata.deletionTimestamp}", "gatewayclass", "gatewright") == "" {
		t.Error("the class is not being deleted")
	}
	// A proxy that starts without any controller would have no configuration, one that runs keeps its own.
	time.Sleep(3 * time.Second)

	install(t)
	if address != programmed(t, "web") {
		t.Error("the address changed")
	}
	load.end(t, "without a controller, and a new one")

	kubectl(t, "delete", "gateways", "--all", "--namespace", "web", "--timeout=60s")
	gone(t, "gatewayclasses")
	// The release still names the class that is gone: an upgrade brings it back.
	install(t)
	kubectl(t, "wait", "--for=condition=Accepted", "gatewayclass/gatewright", "--timeout=60s")

	// Removed again, now for good and with a Gateway left: the documented way out.
	first(t, "web")
	helm(t, "uninstall", "gatewright", "--namespace", system)
	gone(t, "pods", "--namespace", system)
	kubectl(t, "delete", "gateways", "--all", "--namespace", "web", "--timeout=60s")
	gone(t, kinds, "--all-namespaces", ours)
	kubectl(t, "patch", "gatewayclass", "gatewright", "--type", "merge", "--patch", `{"metadata":{"finalizers":null}}`)
	gone(t, "gatewayclasses")
	clean(t, "web")
}

// clean removes everything in the documented order and looks for remains.
func clean(t *testing.T, namespaces ...string) {
	t.Helper()
	kubectl(t, "delete", "gateways", "--all", "--all-namespaces", "--timeout=60s")
	if _, err := try(t.Context(), "kubectl", "get", "deployment", "gatewright-controller", "--namespace", system); err == nil {
		helm(t, "uninstall", "gatewright", "--namespace", system)
	}
	helm(t, "uninstall", "gatewright-crds", "--namespace", system)
	gone(t, "gatewayclasses")
	gone(t, kinds, "--all-namespaces", ours)
	gone(t, "clusterroles,clusterrolebindings", "--selector=app.kubernetes.io/name=gatewright-controller")
	gone(t, "roles,rolebindings", "--all-namespaces", "--selector=app.kubernetes.io/name=gatewright-controller")
	gone(t, "customresourcedefinitions", "softwaregatewayparameters.gatewright.dev")
	remove(t, append(namespaces, system)...)
}

func ready(namespace string, want int, t *testing.T) error {
	t.Helper()
	status := field(t, "{.spec.replicas} {.status.replicas} {.status.readyReplicas}", "--namespace", namespace, "deployment", "edge-gatewright")
	if number := strconv.Itoa(want); status != strings.Join([]string{number, number, number}, " ") {
		return fmt.Errorf("replicas wanted, made, ready: %s, want %d", status, want)
	}
	return nil
}

// Each of deploy/examples, as far as it can be had in one cluster.
func TestExamplesLeadToTraffic(t *testing.T) {
	node := field(t, "{.status.addresses[?(@.type=='InternalIP')].address}", "node", "node")
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
			kubectl(t, "label", "node", "node", "--overwrite", "gatewright.dev/edge=true")
			definitions(t)
			install(t, append(one.values, "--set", "replicaCount=1")...)
			space := "example-" + one.name
			namespace(t, space, one.standard)
			address := first(t, space)
			if one.address != "" && address != one.address {
				t.Errorf("address %s, want %s", address, one.address)
			}
			port := 80
			if one.name == "node-port" {
				text := field(t, "{.spec.ports[0].nodePort}", "--namespace", space, "service", "edge-gatewright")
				var err error
				if port, err = strconv.Atoi(text); err != nil {
					t.Fatal(err)
				}
			}
			answers(t, address, port)
			remove(t, space)
		})
	}
	clean(t)
}

// Two installations beside each other, one of them for some namespaces: each serves its own.
func TestInstallationsKeepApart(t *testing.T) {
	definitions(t)
	for _, name := range []string{"shop", "blog", "other", "internal-gateways"} {
		namespace(t, name, "restricted")
	}
	install(t, append(example(t, "namespaces"), "--set", "replicaCount=1")...)
	release(t, "internal", "internal-gateways", append(example(t, "second"), "--set", "replicaCount=1")...)

	answers(t, first(t, "shop"), 80)
	// Outside of its namespaces the first installation sees nothing.
	kubectl(t, "apply", "--namespace", "other", "--filename", repository(t, "docs", "install", "first.yaml"))
	// The second one serves Gateways of its class alone, anywhere.
	kubectl(t, "patch", "gateway", "edge", "--namespace", "other", "--type", "merge", "--patch", `{"spec":{"gatewayClassName":"internal"}}`)
	answers(t, programmed(t, "other"), 80)
	gone(t, kinds, "--namespace", "other", ours+",gateway.networking.k8s.io/gateway-class-name=gatewright")

	account := "--as=system:serviceaccount:" + system + ":gatewright-controller"
	for what, want := range map[string]string{
		"list secrets --namespace shop":                 "yes",
		"list secrets --namespace other":                "no",
		"create deployments.apps --namespace blog":      "yes",
		"create deployments.apps --namespace other":     "no",
		"create deployments.apps --namespace " + system: "yes",
		"list secrets --namespace " + system:            "no",
		"delete nodes":                                  "no",
	} {
		got, _ := try(t.Context(), "kubectl", append([]string{"auth", "can-i", account}, strings.Fields(what)...)...)
		// Above the answer may stand a warning.
		if lines := strings.Split(got, "\n"); lines[len(lines)-1] != want {
			t.Errorf("%s: %q, want %s", what, got, want)
		}
	}
	for _, place := range [][2]string{{system, "gatewright-controller"}, {"internal-gateways", "internal-gatewright-controller"}} {
		log := kubectl(t, "logs", "--namespace", place[0], "deployment/"+place[1])
		for _, line := range strings.Split(log, "\n") {
			if strings.Contains(strings.ToLower(line), "forbidden") {
				t.Errorf("%s: %s", place[1], line)
			}
		}
	}
	kubectl(t, "delete", "gateways", "--all", "--all-namespaces", "--timeout=60s")
	helm(t, "uninstall", "internal", "--namespace", "internal-gateways")
	clean(t, "shop", "blog", "other", "internal-gateways")
}
