// Package inside is what tests share that run inside a cluster: commands, the charts, and load.
package inside

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Limit of every wait; only a failing test reaches it.
const Limit = 2 * time.Minute

// Repository is where charts and documents are, from the environment.
func Repository(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("GATEWRIGHT_ROOT")
	if root == "" {
		t.Fatal("GATEWRIGHT_ROOT is not set: these tests are run by `cargo xtask`")
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

// Try runs a command and returns what it printed.
func Try(ctx context.Context, name string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	output, err := exec.CommandContext(ctx, name, arguments...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(string(output)), err
}

// Kubectl runs kubectl and returns what it printed.
func Kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := Try(t.Context(), "kubectl", arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// Helm runs Helm, whose path is in the environment.
func Helm(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := Try(t.Context(), os.Getenv("HELM"), arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// Until polls until the check is satisfied, and fails with its last complaint otherwise.
func Until(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(Limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Field reads one field of an object.
func Field(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	return Kubectl(t, append([]string{"get", "-o", "jsonpath=" + path}, arguments...)...)
}

// Gone waits until nothing is found.
func Gone(t *testing.T, arguments ...string) {
	t.Helper()
	Until(t, func() error {
		found, err := Try(t.Context(), "kubectl", append([]string{"get", "--ignore-not-found", "--output", "name"}, arguments...)...)
		if err == nil && found != "" && !strings.HasPrefix(found, "No resources found") {
			err = fmt.Errorf("left: %s", found)
		}
		return err
	})
}

// Apply applies manifests.
func Apply(t *testing.T, namespace, manifests string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "kubectl", "apply", "--namespace", namespace, "--filename", "-")
	command.Stdin = strings.NewReader(manifests)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, output)
	}
}
