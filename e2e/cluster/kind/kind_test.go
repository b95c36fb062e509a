// Package kind checks the configuration of kind clusters with kind's own types, as kind itself
// needs Docker.
package kind

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

// load reads a file as kind does: a field that the type does not have is an error.
func load(text []byte) (*v1alpha4.Cluster, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	cluster := &v1alpha4.Cluster{}
	if err := decoder.Decode(cluster); err != nil {
		return nil, err
	}
	v1alpha4.SetDefaultsCluster(cluster)
	return cluster, nil
}

func TestConfigurationsAreKinds(t *testing.T) {
	files, err := filepath.Glob("../../../deploy/kind/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cluster, err := load(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if cluster.Kind != "Cluster" || cluster.APIVersion != "kind.x-k8s.io/v1alpha4" {
			t.Errorf("%s is %s of %s", file, cluster.Kind, cluster.APIVersion)
		}
		if cluster.Networking.IPFamily != v1alpha4.DualStackFamily {
			t.Errorf("%s: IP family %s", file, cluster.Networking.IPFamily)
		}
		controlPlanes, ports := 0, map[v1alpha4.PortMapping]bool{}
		for _, node := range cluster.Nodes {
			if node.Role == v1alpha4.ControlPlaneRole {
				controlPlanes++
			}
			for _, mapping := range node.ExtraPortMappings {
				outside := v1alpha4.PortMapping{HostPort: mapping.HostPort, Protocol: mapping.Protocol}
				if ports[outside] {
					t.Errorf("%s maps port %d (%s) twice", file, mapping.HostPort, mapping.Protocol)
				}
				ports[outside] = true
				if mapping.ListenAddress != "127.0.0.1" {
					t.Errorf("%s: port %d is open to the network", file, mapping.HostPort)
				}
			}
		}
		if controlPlanes == 0 {
			t.Errorf("%s has no control plane", file)
		}
	}
}

func TestAMisspeltFieldIsNoticed(t *testing.T) {
	if _, err := load([]byte("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodez: []\n")); err == nil {
		t.Error("taken")
	}
}
