//go:build cluster

package stay

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// route is one as in gateway-api-bench's probe test: a hostname of its own, two rules with header filters, the
// second one to a backend that does not exist.
const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: probe-%[1]d, labels: {test: probe}}
spec:
  parentRefs: [{name: edge}]
  hostnames: [probe-%[1]d.example.com]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-probe, value: "%[1]d"}]}}]
      backendRefs: [{name: hello, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /missing}}]
      filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-probe, value: "%[1]d"}]}}]
      backendRefs: [{name: missing, port: 80}]
`

// Routes are added one by one, each is asked for every 5 ms: until it answers with 200 only 404 is allowed.
func TestRoutesAreAddedOneByOne(t *testing.T) {
	address := world(t)
	client := objects(t).Resource(routes).Namespace(space)
	target := plain(address)
	load := inside.Start(target)
	probe := &inside.Client{}
	defer probe.Close()
	count := either(3000, 200)
	var created, answered times
	probes := 0
	for i := range count {
		manifest := object(t, fmt.Sprintf(route, i))
		begun := time.Now()
		if _, err := client.Create(t.Context(), manifest, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		made := time.Now()
		// The connection is kept from route to route.
		probe.Target = inside.Target{Address: target.Address, Host: fmt.Sprintf("probe-%d.example.com", i)}
		for {
			probes++
			answer, err := probe.Get()
			if err != nil {
				t.Errorf("route %d after %s: %v", i, time.Since(made), err)
			} else if answer.Status == http.StatusOK {
				break
			} else if answer.Status != http.StatusNotFound {
				t.Errorf("route %d after %s: status %d", i, time.Since(made), answer.Status)
			}
			if time.Since(made) > inside.Limit || t.Failed() {
				t.Fatalf("route %d does not answer after %s", i, time.Since(made))
			}
			time.Sleep(5 * time.Millisecond)
		}
		answered.add(time.Since(begun))
		created.add(time.Since(made))
	}
	load.End(t, fmt.Sprintf("%d routes", count))
	t.Logf("%d routes, %d probes: from the API server's answer to the route's mean %s, max %s; from the request to the API server mean %s, max %s",
		count, probes, created.mean(), created.most, answered.mean(), answered.most)

	load = inside.Start(target)
	options := metav1.ListOptions{LabelSelector: "test=probe"}
	if err := client.DeleteCollection(t.Context(), metav1.DeleteOptions{}, options); err != nil {
		t.Fatal(err)
	}
	inside.Until(t, func() error {
		answer, err := probe.Get()
		if err != nil {
			return err
		}
		if answer.Status != http.StatusNotFound {
			return fmt.Errorf("the last route still answers with %d", answer.Status)
		}
		return nil
	})
	own.settled(t, 2)
	load.End(t, "routes removed at once")
}

// times adds up.
type times struct {
	sum, most time.Duration
	count     int
}

func (times *times) add(one time.Duration) {
	times.sum += one
	times.most = max(times.most, one).Round(10 * time.Microsecond)
	times.count++
}

func (times *times) mean() time.Duration {
	return (times.sum / time.Duration(max(times.count, 1))).Round(10 * time.Microsecond)
}
