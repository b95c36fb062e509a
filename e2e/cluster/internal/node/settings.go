package node

import (
	"encoding/json"
	"os"

	"gatewright.dev/e2e/cluster/internal/layout"
)

// Settings are what `up` asks of a cluster.
type Settings struct {
	// Kube is the path of the program that is every Kubernetes component.
	Kube string `json:"kube"`
	// CNIDir holds the CNI plugins of Debian.
	CNIDir string `json:"cniDir"`
	// PodNetwork is our own CNI plugin.
	PodNetwork string `json:"podNetwork"`
	// Bundles are files of Gateway API definitions to install, one after the other.
	Bundles []string `json:"bundles,omitempty"`
	// Archives are images to load, in docker-archive form.
	Archives []string `json:"archives,omitempty"`
	// DNSImage is the image of the cluster's DNS server; empty for a cluster without one.
	DNSImage string `json:"dnsImage,omitempty"`
	// AuditNamespace is the namespace whose service accounts' requests are recorded.
	AuditNamespace string `json:"auditNamespace,omitempty"`
}

// Save records the settings in the cluster's folder.
func (s Settings) Save(cluster layout.Cluster) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(cluster.SettingsFile(), text, 0o644)
}

// Load reads the settings of a cluster.
func Load(cluster layout.Cluster) (Settings, error) {
	var settings Settings
	text, err := os.ReadFile(cluster.SettingsFile())
	if err != nil {
		return settings, err
	}
	return settings, json.Unmarshal(text, &settings)
}
