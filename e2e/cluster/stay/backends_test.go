//go:build cluster

package stay

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
)

// Each second the oldest backend is deleted, as long as two others are ready.
func TestBackendsComeAndGo(t *testing.T) {
	address := world(t)
	inside.Kubectl(t, "scale", "--namespace", space, "deployment", "hello", "--replicas=5")
	available(t, space, "hello")
	client := objects(t)
	names := map[string]bool{}
	load := inside.Watch(plain(address), func(answer inside.Answer) error {
		var echo struct{ Pod string }
		if err := json.Unmarshal(answer.Body, &echo); err != nil {
			return err
		}
		names[echo.Pod] = true
		return nil
	})
	deleted, missed := 0, 0
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for range either(120, 20) {
		<-ticks.C
		ready := readyBackends(t, client)
		if len(ready) < 3 {
			missed++
			continue
		}
		if err := client.Resource(podKind).Namespace(space).Delete(t.Context(), ready[0], metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		deleted++
	}
	load.End(t, fmt.Sprintf("%d backends replaced (%d seconds without one to spare)", deleted, missed))
	if len(names) < deleted/2 {
		t.Errorf("only %d backends have answered", len(names))
	}
	inside.Kubectl(t, "scale", "--namespace", space, "deployment", "hello", "--replicas=2")
	available(t, space, "hello")
}

// readyBackends are the names of backends that are ready and do not end, the oldest first.
func readyBackends(t *testing.T, client dynamic.Interface) []string {
	t.Helper()
	list, err := client.Resource(podKind).Namespace(space).List(t.Context(), metav1.ListOptions{LabelSelector: "app=hello"})
	if err != nil {
		t.Fatal(err)
	}
	sort.Slice(list.Items, func(i, j int) bool {
		return list.Items[i].GetCreationTimestamp().Time.Before(list.Items[j].GetCreationTimestamp().Time)
	})
	var names []string
	for _, item := range list.Items {
		var pod v1.Pod
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &pod); err != nil {
			t.Fatal(err)
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == v1.PodReady && condition.Status == v1.ConditionTrue && pod.DeletionTimestamp == nil {
				names = append(names, pod.Name)
			}
		}
	}
	return names
}

// A route changes its backend and its filter every 200 ms, as gateway-api-bench's routechange does. The two backends
// have pods of their own: an answer by the pods of one with the filter of the other is a mixture of two states.
func TestARouteFlips(t *testing.T) {
	address := world(t)
	const other = "other"
	inside.Apply(t, space, fmt.Sprintf(backend, other))
	available(t, space, other)
	// Deferred calls run in reverse: nothing leads to these pods any more when they go.
	defer inside.Kubectl(t, "delete", "--namespace", space, "deployment,service", other)
	defer reset(t)
	client := objects(t)
	seen := map[string]int{}
	started := make(chan struct{})
	load := inside.Watch(plain(address), func(answer inside.Answer) error {
		var echo struct{ Pod string }
		if err := json.Unmarshal(answer.Body, &echo); err != nil {
			return err
		}
		filter, answered := answer.Header.Get("x-backend"), deployment(echo.Pod)
		seen[answered]++
		// Before the first change there is no filter.
		early := filter == "" && answered == "hello"
		select {
		case <-started:
			early = false
		default:
		}
		if filter != answered && !early {
			return fmt.Errorf("the filter is that of %q, the pod %s", filter, echo.Pod)
		}
		return nil
	})
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	flips := either(300, 50)
	for flip := range flips {
		<-ticks.C
		name := []string{"hello", other}[flip%2]
		set := []any{map[string]any{"name": "x-backend", "value": name}}
		filter := map[string]any{"type": "ResponseHeaderModifier", "responseHeaderModifier": map[string]any{"set": set}}
		rule := map[string]any{"filters": []any{filter}, "backendRefs": []any{map[string]any{"name": name, "port": 80}}}
		merge(t, client, routes, "hello", map[string]any{"spec": map[string]any{"rules": []any{rule}}})
		if flip == 9 {
			close(started)
		}
	}
	load.End(t, fmt.Sprintf("%d flips, answers by backend %v", flips, seen))
	if seen["hello"] < 100 || seen[other] < 100 {
		t.Errorf("answers by backend: %v", seen)
	}
}

// deployment is the name of a pod's Deployment: its own without the two last parts.
func deployment(pod string) string {
	parts := strings.Split(pod, "-")
	return strings.Join(parts[:max(len(parts)-2, 0)], "-")
}
