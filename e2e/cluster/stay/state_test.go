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
)

// stateKinds are those that the comparison looks at: what users write and what it becomes.
const stateKinds = "gateways,httproutes,softwaregatewayparameters,deployments,daemonsets,services,serviceaccounts," +
	"configmaps,secrets,poddisruptionbudgets,horizontalpodautoscalers,roles,rolebindings"

// settledState is the state once it has been the same for some seconds.
func settledState(t *testing.T) map[string]string {
	t.Helper()
	deadline := time.Now().Add(inside.Limit)
	before, since := state(t), time.Now()
	for time.Since(since) < 5*time.Second || !strings.Contains(before["Gateway/gateway-0"], `"reason":"Programmed"`) {
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not settle: %s", before["Gateway/gateway-0"])
		}
		time.Sleep(500 * time.Millisecond)
		now := state(t)
		if compare(before, now) != "" {
			since = time.Now()
		}
		before = now
	}
	return before
}

// state is every object of the namespace without what differs from one making to the next.
func state(t *testing.T) map[string]string {
	t.Helper()
	var list struct{ Items []map[string]any }
	text := inside.Kubectl(t, "get", stateKinds, "--namespace", kills, "--output", "json")
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	result := map[string]string{}
	for _, item := range list.Items {
		metadata, ok := item["metadata"].(map[string]any)
		if !ok {
			t.Fatalf("no metadata: %v", item)
		}
		name := fmt.Sprintf("%s/%s", item["kind"], metadata["name"])
		normal := normalise(item, metadata["generation"])
		text, err := json.Marshal(normal)
		if err != nil {
			t.Fatal(err)
		}
		result[name] = string(text)
	}
	return result
}

// volatile fields differ between two equal objects: who they are, when they were made, and what the cluster
// chose for them.
var volatile = map[string]bool{
	"uid": true, "resourceVersion": true, "creationTimestamp": true, "generation": true, "managedFields": true,
	"lastTransitionTime": true, "lastUpdateTime": true, "clusterIP": true, "clusterIPs": true, "nodePort": true,
	"healthCheckNodePort": true, "loadBalancer": true, "deployment.kubernetes.io/revision": true,
	"kubectl.kubernetes.io/last-applied-configuration": true, "namespace": true,
	// A hash over all fields, those of owners included, whose uid is another each time.
	"gatewright.dev/applied": true,
}

func normalise(value any, generation any) any {
	switch value := value.(type) {
	case map[string]any:
		// What the workload's own controllers count is theirs.
		if kind := value["kind"]; kind == "Deployment" || kind == "PodDisruptionBudget" {
			delete(value, "status")
		}
		// A route whose Gateway has gone has an empty list of parents, or no status at all if no controller saw it before.
		if status, ok := value["status"].(map[string]any); ok && len(status) == 1 {
			if parents, ok := status["parents"].([]any); ok && len(parents) == 0 {
				delete(value, "status")
			}
		}
		// Which address a Gateway gets is the cluster's choice, that it has one is ours.
		if addresses, ok := value["addresses"].([]any); ok {
			value["addresses"] = len(addresses)
		}
		result := map[string]any{}
		for key, field := range value {
			switch {
			case key == "observedGeneration":
				result[key] = field == generation
			case !volatile[key]:
				result[key] = normalise(field, generation)
			}
		}
		return result
	case []any:
		for i := range value {
			value[i] = normalise(value[i], generation)
		}
	}
	return value
}

// compare names what differs; empty for nothing.
func compare(want, found map[string]string) string {
	var lines []string
	for name, text := range want {
		if other, ok := found[name]; !ok {
			lines = append(lines, name+" is missing")
		} else if other != text {
			lines = append(lines, fmt.Sprintf("%s:\n  want  %s\n  found %s", name, around(text, other), around(other, text)))
		}
	}
	for name := range found {
		if _, ok := want[name]; !ok {
			lines = append(lines, name+" is left over")
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// around is a text near the place where it begins to differ from another.
func around(text, other string) string {
	at := 0
	for at < len(text) && at < len(other) && text[at] == other[at] {
		at++
	}
	return text[max(at-100, 0):min(at+200, len(text))]
}
