package components

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/pki"
	"k8s.io/client-go/tools/clientcmd"
)

func written(t *testing.T) (layout.Cluster, Options) {
	t.Helper()
	root := t.TempDir()
	cluster, err := layout.New(root, "test")
	if err != nil {
		t.Fatal(err)
	}
	options := Options{Kube: "/kube", Snapshotter: "overlayfs", CNIDir: filepath.Join(root, "cni"), PodNetwork: filepath.Join(root, "cni", "own"), AuditNamespace: "system"}
	if err := os.MkdirAll(options.CNIDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ptp", "host-local", "loopback", "portmap", "own"} {
		if err := os.WriteFile(filepath.Join(options.CNIDir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	authority, err := pki.WriteCluster(cluster)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(cluster, options, authority); err != nil {
		t.Fatal(err)
	}
	return cluster, options
}

func TestEveryFileOnACommandLineIsWritten(t *testing.T) {
	cluster, options := written(t)
	seen := 0
	for _, spec := range Specs(cluster, options) {
		for _, word := range spec.Command {
			_, value, found := strings.Cut(word, "=")
			if !found {
				value = word
			}
			if !strings.HasPrefix(value, cluster.Dir) || strings.HasPrefix(word, "--data-dir") || strings.HasPrefix(word, "--audit-log-path") {
				continue
			}
			seen++
			if _, err := os.Stat(value); err != nil {
				t.Errorf("%s: %s: %v", spec.Name, word, err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d files are named", seen)
	}
}

func TestRequestsAreRecordedForOneNamespaceIfAtAll(t *testing.T) {
	cluster, options := written(t)
	text, err := os.ReadFile(cluster.Config("audit-policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Rules []struct {
			Level      string
			UserGroups []string
		}
	}
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	if len(policy.Rules) != 2 || policy.Rules[0].Level != "Metadata" ||
		!slices.Equal(policy.Rules[0].UserGroups, []string{"system:serviceaccounts:system"}) ||
		policy.Rules[1].Level != "None" {
		t.Errorf("policy %s", text)
	}
	audits := func(word string) bool { return strings.HasPrefix(word, "--audit-") }
	if !slices.ContainsFunc(apiServerFlags(cluster, options), audits) {
		t.Error("nothing is recorded")
	}
	options.AuditNamespace = ""
	if slices.ContainsFunc(apiServerFlags(cluster, options), audits) {
		t.Error("something is recorded although nobody asked")
	}
}

func TestUsersReachTheAPIServer(t *testing.T) {
	cluster, _ := written(t)
	paths := []string{cluster.Kubeconfig()}
	for _, user := range []string{"controller-manager", "scheduler", "proxy", "kubelet"} {
		paths = append(paths, cluster.Config(user+".kubeconfig"))
	}
	for _, path := range paths {
		config, err := clientcmd.BuildConfigFromFlags("", path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if config.Host != "https://172.30.0.1:6443" || len(config.CAData) == 0 || len(config.KeyData) == 0 {
			t.Errorf("%s: host %s", path, config.Host)
		}
	}
}

func TestEveryPluginOfTheNetworkIsThere(t *testing.T) {
	cluster, _ := written(t)
	text, err := os.ReadFile(cluster.Config("cni/10-cluster.conflist"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Plugins []struct {
			Type string
			IPAM struct{ Type string }
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	// The loopback plugin is containerd's own demand.
	names := []string{"loopback"}
	for _, plugin := range config.Plugins {
		names = append(names, plugin.Type)
		if plugin.IPAM.Type != "" {
			names = append(names, plugin.IPAM.Type)
		}
	}
	if !slices.Contains(names, "host-local") || len(names) != 4 {
		t.Errorf("plugins %v", names)
	}
	for _, name := range names {
		if _, err := os.Stat(cluster.Config("cni-plugins/" + name)); err != nil {
			t.Error(err)
		}
	}
	settings, err := os.ReadFile(cluster.Config("containerd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{cluster.Config("cni-plugins"), PauseImage, "restrict_oom_score_adj = true", `snapshotter = "overlayfs"`} {
		if !strings.Contains(string(settings), want) {
			t.Errorf("containerd's configuration lacks %s", want)
		}
	}
}

func TestAMissingPluginIsNamed(t *testing.T) {
	root := t.TempDir()
	cluster, err := layout.New(root, "test")
	if err != nil {
		t.Fatal(err)
	}
	err = linkPlugins(cluster, Options{CNIDir: root, PodNetwork: root})
	if err == nil || !strings.Contains(err.Error(), "CNI plugin: ") {
		t.Errorf("error %v", err)
	}
}
