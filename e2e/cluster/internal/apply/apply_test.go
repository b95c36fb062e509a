package apply

import (
	"path/filepath"
	"strings"
	"testing"

	"gatewright.dev/e2e/cluster/internal/layout"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestEveryBundleCanBeRead(t *testing.T) {
	files, err := filepath.Glob("../../../../crds/bundles/*.jsonl.gz")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d bundles, %v", len(files), err)
	}
	for _, file := range files {
		objects, err := readFile(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if len(objects) < 10 {
			t.Errorf("%s holds %d objects", file, len(objects))
		}
		for _, object := range objects {
			// Without it an API server refuses a definition of a k8s.io group.
			if object.GetAnnotations()["api-approved.kubernetes.io"] == "" && strings.HasSuffix(object.GetName(), ".networking.k8s.io") {
				t.Errorf("%s: %s has not been approved", file, object.GetName())
			}
		}
	}
}

func TestEveryBundleHasItsGuardOfUpgrades(t *testing.T) {
	files, err := filepath.Glob("../../../../crds/bundles/*.policies.jsonl")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		objects, err := readFile(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, object := range objects {
			if object.GetName() != "safe-upgrades.gateway.networking.k8s.io" {
				t.Errorf("%s has %s %s", file, object.GetKind(), object.GetName())
			}
		}
		if len(objects) != 2 {
			t.Errorf("%s holds %d objects, want a policy and its binding", file, len(objects))
		}
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"kind":"A","apiVersion":"v1","metadata":{"name":"a"}}{"kind":"A"}`: "object 2: has no apiVersion, kind or name",
		`{"kind":`: "object 1: unexpected EOF",
		`[]`:       "object 1: json: cannot unmarshal array",
		strings.Repeat(`{"kind":"A","apiVersion":"v1","metadata":{"name":"a"}}`, maxObjects+1): "more than 1000 objects",
	} {
		if _, err := read(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", text, err, want)
		}
	}
}

func TestADefinitionIsServedOnceEstablished(t *testing.T) {
	make := func(status string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "NamesAccepted", "status": "True"},
			map[string]any{"type": "Established", "status": status},
		}}}}
	}
	if !established(make("True")) || established(make("False")) || established(&unstructured.Unstructured{Object: map[string]any{}}) {
		t.Error("wrong verdict")
	}
}

func TestTheDNSServerHasItsImageAndAddress(t *testing.T) {
	objects, err := dnsObjects("example.com/dns:v1")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, object := range objects {
		seen[object.GetKind()] = true
		switch object.GetKind() {
		case "Deployment":
			containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			if len(containers) != 1 || containers[0].(map[string]any)["image"] != "example.com/dns:v1" {
				t.Errorf("containers %v", containers)
			}
		case "Service":
			if address, _, _ := unstructured.NestedString(object.Object, "spec", "clusterIP"); address != layout.DNSIP {
				t.Errorf("address %s, pods ask %s", address, layout.DNSIP)
			}
		}
	}
	if !seen["Deployment"] || !seen["Service"] {
		t.Errorf("kinds %v", seen)
	}
}
