//go:build cluster

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gatewright.dev/e2e/cluster/inside"
)

// Without Helm, as docs/install.md says: by the one file, and by a kustomization that has the base as a resource. Both
// name the images of this release.
func TestPlainManifestsLeadToTraffic(t *testing.T) {
	for _, one := range []struct {
		name  string
		where []string
	}{
		{"file", []string{"--filename", inside.Repository(t, "deploy", "install.yaml")}},
		{"kustomize", []string{"--kustomize", overlay(t)}},
	} {
		t.Run(one.name, func(t *testing.T) {
			inside.Kubectl(t, append([]string{"apply"}, one.where...)...)
			inside.Kubectl(t, "rollout", "status", "--namespace", inside.System, "deployment/gatewright-controller", "--timeout=100s")
			space := "plain-" + one.name
			inside.Namespace(t, space, "restricted")
			inside.Answers(t, target(inside.First(t, space), 80))

			// Applying them once more would change nothing: the API server keeps them as they are written.
			if difference, err := inside.Try(t.Context(), "kubectl", append([]string{"diff"}, one.where...)...); err != nil {
				t.Errorf("applied again: %v\n%s", err, difference)
			}

			// The documented removal: the class goes while a controller is there that lets it go.
			inside.Kubectl(t, "delete", "gateways", "--all", "--all-namespaces", "--timeout=60s")
			inside.Kubectl(t, "delete", "gatewayclass", "gatewright", "--timeout=60s")
			remove(t, space)
			inside.Kubectl(t, append([]string{"delete", "--ignore-not-found", "--timeout=100s"}, one.where...)...)
			inside.Gone(t, kinds, "--all-namespaces", ours)
			inside.Gone(t, "clusterroles,clusterrolebindings", "--selector=app.kubernetes.io/name=gatewright-controller")
			inside.Gone(t, "customresourcedefinitions", "softwaregatewayparameters.gatewright.dev")
			inside.Gone(t, "namespaces", inside.System)
		})
	}
}

// overlay is a kustomization of a user: the base, and one controller in place of two.
func overlay(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	// Kustomize takes relative paths alone, between real ones.
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Rel(folder, inside.Repository(t, "deploy", "kustomize", "base"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("resources: [%s]\nreplicas: [{name: gatewright-controller, count: 1}]\n", base)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}
