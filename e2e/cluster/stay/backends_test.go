//go:build cluster

package stay

import (
	"encoding/json"
	"fmt"
	"sort"
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

// A route changes its backend and its filter every 200 ms, as gateway-api-bench's routechange does.
func TestARouteFlips(t *testing.T) {
	address := world(t)
	defer reset(t)
	inside.Kubectl(t, "patch", "--namespace", space, "service", "hello", "--type", "merge", "--patch",
		`{"spec":{"ports":[{"name":"http","port":80,"targetPort":3000},{"name":"alternative","port":8080,"targetPort":3000}]}}`)
	client := objects(t)
	seen := map[string]int{}
	started := make(chan struct{})
	load := inside.Watch(plain(address), func(answer inside.Answer) error {
		port := answer.Header.Get("x-port")
		seen[port]++
		select {
		case <-started:
			if port != "80" && port != "8080" {
				return fmt.Errorf("an answer of neither form: %q", port)
			}
		default:
		}
		return nil
	})
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	flips := either(300, 50)
	for flip := range flips {
		<-ticks.C
		port := []int{80, 8080}[flip%2]
		set := []any{map[string]any{"name": "x-port", "value": fmt.Sprint(port)}}
		filter := map[string]any{"type": "ResponseHeaderModifier", "responseHeaderModifier": map[string]any{"set": set}}
		rule := map[string]any{"filters": []any{filter}, "backendRefs": []any{map[string]any{"name": "hello", "port": port}}}
		merge(t, client, routes, "hello", map[string]any{"spec": map[string]any{"rules": []any{rule}}})
		if flip == 9 {
			close(started)
		}
	}
	load.End(t, fmt.Sprintf("%d flips, answers by port %v", flips, seen))
	if seen["80"] < 100 || seen["8080"] < 100 {
		t.Errorf("answers by port: %v", seen)
	}
}
