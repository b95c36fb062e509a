//go:build cluster

package stay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

// fleet is a Deployment of proxies.
type fleet struct {
	namespace, name string
	// selector finds its pods.
	selector string
	// class is that of its Gateways, whose parameters have the same name and say how the proxies run.
	class string
}

// The proxies of the first Gateway alone, and those that Gateways of a class share.
var (
	own    = fleet{space, "edge-gatewright", "gateway.networking.k8s.io/gateway-name=edge", "gatewright"}
	shared = fleet{inside.System, "fleet-stay-shared", "gatewright.dev/fleet-name=stay-shared", "stay-shared"}
)

// sharedManifests are a class of shared proxies, and how many.
const sharedManifests = `
apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata: {name: %[1]s}
spec: {mode: Shared, deployment: {replicas: %[2]d}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %[1]s}
spec:
  controllerName: gatewright.dev/software
  parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: %[1]s, namespace: gatewright-system}
`

// parameters changes the parameters of the class.
func (fleet fleet) parameters(t *testing.T, deployment string) {
	t.Helper()
	inside.Kubectl(t, "patch", "--namespace", inside.System, "softwaregatewayparameters", fleet.class, "--type", "merge",
		"--patch", `{"spec":{"deployment":`+deployment+`}}`)
}

// scale makes them so many.
func (fleet fleet) scale(t *testing.T, count int) {
	t.Helper()
	fleet.parameters(t, `{"replicas":`+strconv.Itoa(count)+`}`)
	fleet.settled(t, count)
}

// settled waits until the fleet has exactly so many proxies, all of them ready and up to date, and no others
// that still end.
func (fleet fleet) settled(t *testing.T, want int) {
	t.Helper()
	inside.Until(t, func() error {
		const path = "{.spec.replicas} {.status.replicas} {.status.readyReplicas} {.status.updatedReplicas}"
		number := strconv.Itoa(want)
		found := inside.Field(t, path, "--namespace", fleet.namespace, "deployment", fleet.name)
		if found != strings.Join([]string{number, number, number, number}, " ") {
			return fmt.Errorf("%s: replicas wanted, made, ready, up to date: %s, want %d", fleet.name, found, want)
		}
		if pods := fleet.proxies(t); len(pods) != want {
			return fmt.Errorf("%s: proxies %v, want %d", fleet.name, pods, want)
		}
		return nil
	})
}

// proxies are the names of the fleet's pods, ending ones included.
func (fleet fleet) proxies(t *testing.T) []string {
	t.Helper()
	return pods(t, fleet.namespace, fleet.selector)
}

// gone waits until pods have ended.
func (fleet fleet) gone(t *testing.T, pods []string) {
	t.Helper()
	began := time.Now()
	for _, pod := range pods {
		inside.Gone(t, "pod", "--namespace", fleet.namespace, pod)
	}
	t.Logf("proxies %v ended within %s", pods, time.Since(began).Round(time.Millisecond))
}

// edge is a Gateway of that name in a namespace, and its address.
type edge struct{ namespace, address string }

// served is a fleet and the Gateways that it serves.
type served struct {
	fleet
	edges []edge
}

// dedicated is the first Gateway and its own proxies.
func dedicated(t *testing.T) served {
	t.Helper()
	return served{own, []edge{{space, world(t)}}}
}

// replaced has all proxies replaced by each change of their parameters, under load.
func (served served) replaced(t *testing.T, changes ...string) {
	t.Helper()
	for _, change := range changes {
		before := served.proxies(t)
		load := served.load()
		served.parameters(t, change)
		served.gone(t, before)
		served.settled(t, 2)
		load.end(t, "new proxies by "+change)
	}
}

// deleted has proxies deleted one after the other, as `kubectl drain` does, under load.
func (served served) deleted(t *testing.T, proxies []string, what string) {
	t.Helper()
	count := len(served.proxies(t))
	load := served.load()
	for _, pod := range proxies {
		inside.Kubectl(t, "delete", "pod", "--namespace", served.namespace, pod, "--wait=false")
		served.gone(t, []string{pod})
		served.settled(t, count)
	}
	load.end(t, what)
}

// loads is the same load on each Gateway, by namespace.
type loads map[string]*inside.Load

// load begins to ask each Gateway. All have the same hostname, and each has a backend of its own: an answer of another
// namespace's pods is a failure.
func (served served) load() loads {
	started := loads{}
	for _, edge := range served.edges {
		started[edge.namespace] = inside.Watch(plain(edge.address), func(answer inside.Answer) error {
			var echo struct{ Namespace string }
			if err := json.Unmarshal(answer.Body, &echo); err != nil {
				return err
			}
			if echo.Namespace != edge.namespace {
				return fmt.Errorf("the answer is of namespace %q, not of %s", echo.Namespace, edge.namespace)
			}
			return nil
		})
	}
	return started
}

// end stops the load; a single failure fails the test.
func (loads loads) end(t *testing.T, what string) {
	t.Helper()
	for namespace, load := range loads {
		load.End(t, namespace+": "+what)
	}
}
