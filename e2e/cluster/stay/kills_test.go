//go:build cluster

package stay

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// kills is the namespace of what changes while controllers are killed.
const kills = "kills"

// sizes of the world that changes.
const (
	gatewayCount = 3
	routeCount   = 6
)

// sharedClass is a class whose Gateways share their proxies.
const sharedClass = "kills-shared"

// A controller that is killed at random moments while objects change leaves the cluster as one that was never
// interrupted does, with nothing missing and nothing left over; and neither leaves anything of what was deleted.
func TestControllersAreKilledAtRandom(t *testing.T) {
	inside.Faults(t)
	world(t)
	// One controller that needs no lease is back as soon as its process runs; what a lease does is checked by
	// TestAnotherControllerLeads.
	inside.Kubectl(t, "patch", "--namespace", inside.System, "deployment", controller, "--type", "json", "--patch",
		`[{"op":"replace","path":"/spec/replicas","value":1},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--no-leader-election"}]`)
	available(t, inside.System, controller)
	inside.Apply(t, inside.System, fmt.Sprintf(sharedManifests, sharedClass, 1))
	t.Run("dedicated", func(t *testing.T) { changes{t, objects(t), "gatewright"}.compared(either(200, 7)) })
	t.Run("shared", func(t *testing.T) { changes{t, objects(t), sharedClass}.compared(either(60, 3)) })
	inside.Kubectl(t, "delete", "gatewayclass", sharedClass, "--timeout=60s")
	inside.Kubectl(t, "delete", "--namespace", inside.System, "softwaregatewayparameters", sharedClass)
	// The fleet belongs to its class.
	inside.Gone(t, stateKinds, "--namespace", inside.System, "--selector=gateway.networking.k8s.io/gateway-class-name="+sharedClass)
	inside.Install(t, "--set", "gatewayClass.parameters.deployment.replicas=2")
}

// changes are made to Gateways of a class and their routes.
type changes struct {
	t      *testing.T
	client dynamic.Interface
	class  string
}

// compared makes changes without an interruption, and then among so many kills.
func (changes changes) compared(count int) {
	t := changes.t
	const seed = 20261121
	emptied(t)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		changes.change(random)
		time.Sleep(20 * time.Millisecond)
	}
	changes.last()
	want := settledState(t, changes.class)
	inside.Until(t, func() error { return remains(t, changes.class, deleted) })

	emptied(t)
	random = rand.New(rand.NewPCG(seed, 1))
	made := 0
	for kill := range count {
		for until := time.Now().Add(time.Duration(random.IntN(3000)) * time.Millisecond); time.Now().Before(until); made++ {
			changes.change(random)
			time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		}
		if kill == count-1 {
			// The last controller is killed in the middle of the last changes.
			changes.last()
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		killController(t)
	}
	available(t, inside.System, controller)
	inside.Until(t, func() error {
		if difference := compare(want, state(t, changes.class)); difference != "" {
			return fmt.Errorf("after %d kills among %d changes the cluster differs:\n%s", count, made, difference)
		}
		return remains(t, changes.class, deleted)
	})
	vacated(t)
	inside.Until(t, func() error { return remains(t, changes.class, every) })
	t.Logf("%d kills among %d changes: %d objects as after a run without any, none of the Gateway that was deleted, and none when the namespace had gone",
		count, made, len(want))
}

// killController kills the process, then has its pod replaced at once: the kubelet itself would wait longer
// after each crash.
func killController(t *testing.T) {
	t.Helper()
	inside.Until(t, func() error {
		for _, pod := range controllers(t) {
			// One that is only being made has no process yet.
			if _, err := inside.Try(t.Context(), "gwcluster", "kill-pod", inside.System+"/"+pod); err != nil {
				return err
			}
			inside.Kubectl(t, "delete", "pod", "--namespace", inside.System, pod, "--grace-period=0", "--force", "--ignore-not-found")
		}
		return nil
	})
}

// emptied begins with an empty namespace.
func emptied(t *testing.T) {
	t.Helper()
	vacated(t)
	inside.Namespace(t, kills, "restricted")
	inside.Apply(t, kills, `
apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata: {name: none}
spec: {deployment: {replicas: 0}}
---
apiVersion: v1
kind: Service
metadata: {name: backend}
spec: {ports: [{port: 80}]}
`)
}

// vacated deletes the namespace. Kubernetes looks again after half of the longest grace period of pods that it finds in
// one: those end first.
func vacated(t *testing.T) {
	t.Helper()
	if inside.Kubectl(t, "get", "namespace", kills, "--ignore-not-found") == "" {
		return
	}
	if len(pods(t, kills, "")) > 0 {
		inside.Kubectl(t, "delete", "gateway", "gateway-0", "--ignore-not-found", "--namespace", kills)
	}
	inside.Gone(t, "pods", "--namespace", kills)
	inside.Kubectl(t, "delete", "namespace", kills, "--timeout=100s")
}

// change makes, changes or deletes one object.
func (changes changes) change(random *rand.Rand) {
	kind, name, manifest := routes, fmt.Sprintf("route-%d", random.IntN(routeCount)), ""
	if random.IntN(4) == 0 {
		number := random.IntN(gatewayCount)
		kind, name = gateways, fmt.Sprintf("gateway-%d", number)
		manifest = changes.gateway(number, 80+random.IntN(3), random.IntN(3))
	} else {
		manifest = routeManifest(name, random.IntN(gatewayCount), random.IntN(4))
	}
	if random.IntN(5) == 0 {
		changes.remove(kind, name)
		return
	}
	changes.put(kind, manifest)
}

// last brings everything to the same end: two Gateways, and routes to three.
func (changes changes) last() {
	for number := range gatewayCount {
		if number == gatewayCount-1 {
			changes.remove(gateways, fmt.Sprintf("gateway-%d", number))
			continue
		}
		changes.put(gateways, changes.gateway(number, 80, number))
	}
	for number := range routeCount {
		changes.put(routes, routeManifest(fmt.Sprintf("route-%d", number), number%gatewayCount, number%4))
	}
}

// gateway is the manifest of one. With proxies of their own, all but the first have none: what counts is objects.
func (changes changes) gateway(number, port, label int) string {
	parameters := ""
	if number > 0 && changes.class != sharedClass {
		parameters = "parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: none}, "
	}
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway-%d, namespace: kills}
spec:
  gatewayClassName: %s
  infrastructure: {%slabels: {example.com/label: "%d"}}
  listeners: [{name: http, port: %d, protocol: HTTP}]
`, number, changes.class, parameters, label, port)
}

func routeManifest(name string, gateway, form int) string {
	backend := []string{"backend", "backend", "missing", "other"}[form]
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, namespace: kills}
spec:
  parentRefs: [{name: gateway-%d}]
  hostnames: [%s.example.com]
  rules: [{backendRefs: [{name: %s, port: 80}]}]
`, name, gateway, name, backend)
}

// put makes an object or replaces its spec.
func (changes changes) put(kind schema.GroupVersionResource, manifest string) {
	t := changes.t
	wanted := object(t, manifest)
	options := metav1.ApplyOptions{FieldManager: "test", Force: true}
	_, err := changes.client.Resource(kind).Namespace(kills).Apply(t.Context(), wanted.GetName(), wanted, options)
	// One that is being deleted cannot be changed; the next change makes it anew.
	if err != nil && !apierrors.IsConflict(err) && !strings.Contains(err.Error(), "being deleted") {
		t.Fatal(err)
	}
}

func (changes changes) remove(kind schema.GroupVersionResource, name string) {
	t := changes.t
	if err := changes.client.Resource(kind).Namespace(kills).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}
