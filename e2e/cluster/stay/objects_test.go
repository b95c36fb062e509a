//go:build cluster

package stay

import (
	"encoding/json"
	"os"
	"testing"

	"gatewright.dev/e2e/cluster/inside"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	gateways = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	routes   = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	secrets  = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	podKind  = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// objects is a client that is not slowed down: tests that write often do not start a command for it.
func objects(t *testing.T) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 500, 500
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// object is a manifest as it is sent.
func object(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatalf("%v in\n%s", err, manifest)
	}
	return &object
}

// merge changes an object by a JSON merge patch.
func merge(t *testing.T, client dynamic.Interface, kind schema.GroupVersionResource, name string, patch any) {
	t.Helper()
	text, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(kind).Namespace(space).Patch(t.Context(), name, types.MergePatchType, text, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// reset gives the first route and Gateway their first form again.
func reset(t *testing.T) {
	t.Helper()
	client := objects(t)
	rules := []any{map[string]any{"backendRefs": []any{map[string]any{"name": "hello", "port": 80}}}}
	merge(t, client, routes, "hello", map[string]any{"spec": map[string]any{"rules": rules}})
	listeners := []any{map[string]any{"name": "http", "port": 80, "protocol": "HTTP"}}
	merge(t, client, gateways, "edge", map[string]any{"spec": map[string]any{"listeners": listeners}})
	inside.Programmed(t, space)
}
