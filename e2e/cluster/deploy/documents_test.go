//go:build cluster

package deploy

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatewright.dev/e2e/cluster/inside"
)

// release is where the documents take the Gateway API's definitions from. There is no way out of the cluster: the same
// definitions come from a file.
const release = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.3/experimental-install.yaml"

// What newcomers are told to type leads to an answer, line by line.
func TestDocumentsLeadFromNothingToAnAnswer(t *testing.T) {
	node := inside.Field(t, "{.status.addresses[?(@.type=='InternalIP')].address}", "node", "node")
	node, _, _ = strings.Cut(node, " ")
	definitions := definitions(t)
	for _, one := range []struct {
		document string
		// Commands that are somebody else's: of kind, and for images, which are in the cluster.
		without []string
		// What is different here: names of nodes, and where the nodes' ports are.
		different []string
	}{
		{"bare-metal.md", []string{"cargo ", "for node "}, []string{"worker-1 worker-2", "node"}},
		{"kind.md", []string{"kind ", "cargo "}, []string{"127.0.0.1:8080", node}},
	} {
		t.Run(one.document, func(t *testing.T) {
			// The cluster has the definitions already, by its own hand.
			replace := strings.NewReplacer(append(one.different, release, definitions+" --force-conflicts")...)
			var script []string
			for _, line := range commands(t, "From nothing to an answer", "install", one.document) {
				skipped := false
				for _, start := range one.without {
					skipped = skipped || strings.HasPrefix(line, start)
				}
				if !skipped {
					script = append(script, replace.Replace(line))
				}
			}
			if !strings.Contains(typed(t, script), `"pod": "hello-`) {
				t.Fatal("the last command's answer is not the backend's")
			}
			inside.Kubectl(t, "label", "node", "node", "gatewright.dev/edge-")
			// One of the documents has a namespace of its own, the other takes the default one.
			inside.Kubectl(t, "delete", "--ignore-not-found", "--namespace", "default", "--filename", inside.Repository(t, "docs", "install", "first.yaml"))
			inside.Namespace(t, "web", "privileged")
			uninstall(t)
			remains(t, "web")
		})
	}
}

// What is of another class, and of no controller of ours.
const theirs = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/theirs}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: theirs}
spec: {gatewayClassName: theirs, listeners: [{name: http, port: 80, protocol: HTTP}]}
`

// uninstall is what people are told to type, beside a Gateway that is somebody else's: it stays.
func uninstall(t *testing.T) {
	t.Helper()
	inside.Apply(t, "default", theirs)
	typed(t, commands(t, "Uninstall", "install.md"))
	inside.Kubectl(t, "delete", "gateway", "theirs", "--namespace", "default")
	inside.Kubectl(t, "delete", "gatewayclass", "theirs")
}

// typed is what commands print that are typed in a shell in the repository; none of them fails.
func typed(t *testing.T, lines []string) string {
	t.Helper()
	script := "set -euo pipefail\n" + strings.Join(lines, "\n") + "\n"
	command := exec.CommandContext(t.Context(), "bash", "-x", "-c", script)
	command.Dir = inside.Repository(t)
	command.Env = append(os.Environ(), "PATH="+helm(t)+":"+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	t.Logf("%s", output)
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

// commands are the lines of the first block below a heading of a document.
func commands(t *testing.T, heading string, document ...string) []string {
	t.Helper()
	text, err := os.ReadFile(inside.Repository(t, append([]string{"docs"}, document...)...))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	_, rest, opened := strings.Cut(rest, "\n```\n")
	block, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !opened || !closed {
		t.Fatalf("%s has no block of commands below %q", document, heading)
	}
	return strings.Split(block, "\n")
}

// helm is a folder with Helm under its own name.
func helm(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(os.Getenv("HELM"), filepath.Join(folder, "helm")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// definitions is a file with the definitions of the release.
func definitions(t *testing.T) string {
	t.Helper()
	const name = "v1.6.3-experimental"
	packed, err := os.Open(inside.Repository(t, "crds", "bundles", name+".jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := os.Open(inside.Repository(t, "crds", "bundles", name+".policies.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer policies.Close()
	text, err := io.ReadAll(io.MultiReader(reader, policies))
	if err != nil {
		t.Fatal(err)
	}
	// A document a line.
	all := strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n---\n")
	place := filepath.Join(t.TempDir(), fmt.Sprintf("%s.yaml", name))
	if err := os.WriteFile(place, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	return place
}
