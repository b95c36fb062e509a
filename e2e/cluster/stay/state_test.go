//go:build cluster

package stay

import (
	"encoding/json"
	"fmt"
	"regexp"
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
func settledState(t *testing.T, class string) map[string]string {
	t.Helper()
	deadline := time.Now().Add(inside.Limit)
	before, since := state(t, class), time.Now()
	for time.Since(since) < 5*time.Second || !strings.Contains(before["Gateway/gateway-0"], `"reason":"Programmed"`) {
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not settle: %s", before["Gateway/gateway-0"])
		}
		time.Sleep(500 * time.Millisecond)
		now := state(t, class)
		if compare(before, now) != "" {
			since = time.Now()
		}
		before = now
	}
	return before
}

// state is every object of the namespace, and what a class has beside the controller, without what differs from one
// making to the next.
func state(t *testing.T, class string) map[string]string {
	t.Helper()
	result := map[string]string{}
	for _, item := range listed(t, "--namespace", kills) {
		result[item.name()] = item.normal(t)
	}
	given := map[any]string{}
	for _, item := range listed(t, "--namespace", inside.System, "--selector=gateway.networking.k8s.io/gateway-class-name="+class) {
		// The ports of shared proxies are given in the order of requests; what counts is that no two have the same.
		for _, port := range item.ports() {
			if other, taken := given[port["targetPort"]]; taken {
				t.Errorf("%s and %s have the same port of the proxies: %v", other, item.name(), port)
			}
			given[port["targetPort"]] = item.name()
			delete(port, "targetPort")
		}
		result[inside.System+"/"+item.name()] = item.normal(t)
	}
	return result
}

// item is an object as kubectl prints it.
type item map[string]any

func listed(t *testing.T, arguments ...string) []item {
	t.Helper()
	var list struct{ Items []item }
	text := inside.Kubectl(t, append([]string{"get", stateKinds, "--output", "json"}, arguments...)...)
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (item item) metadata() map[string]any {
	metadata, _ := item["metadata"].(map[string]any)
	return metadata
}

func (item item) name() string {
	return fmt.Sprintf("%s/%s", item["kind"], item.metadata()["name"])
}

// ports are those of a Service.
func (item item) ports() []map[string]any {
	spec, _ := item["spec"].(map[string]any)
	list, _ := spec["ports"].([]any)
	var ports []map[string]any
	for _, port := range list {
		if port, ok := port.(map[string]any); ok && item["kind"] == "Service" {
			ports = append(ports, port)
		}
	}
	return ports
}

// normal is the object's text without what is volatile.
func (item item) normal(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(normalise(map[string]any(item), item.metadata()["generation"]))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What objects must not mention: the Gateway that was deleted at last, and any of this test once its namespace has
// gone. No other test has Gateways of such names.
var (
	deleted = regexp.MustCompile(`gateway-2\b`)
	every   = regexp.MustCompile(`gateway-\d`)
)

// remains complains of objects anywhere in the cluster that mention what has been deleted. A run without kills would
// leave what one with kills leaves, if the controller simply never removed it. Users wrote the routes, so of these
// only the status counts; and no Service may have a port that only former listeners had.
func remains(t *testing.T, class string, gone *regexp.Regexp) error {
	t.Helper()
	var found []string
	for _, item := range listed(t, "--all-namespaces") {
		ours := map[string]any(item)
		if item["kind"] == "HTTPRoute" {
			ours = map[string]any{"status": item["status"]}
		}
		text, err := json.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		if gone.Match(text) {
			found = append(found, fmt.Sprintf("%s in %s", item.name(), item.metadata()["namespace"]))
		}
		if !every.Match(text) {
			continue
		}
		for _, port := range item.ports() {
			if port["port"] != 80.0 {
				found = append(found, fmt.Sprintf("port %v of %s in %s", port["port"], item.name(), item.metadata()["namespace"]))
			}
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("class %s: left of what was deleted (%s): %s", class, gone, strings.Join(found, ", "))
	}
	return nil
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
