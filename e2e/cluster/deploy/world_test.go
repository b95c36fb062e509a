//go:build cluster

// Package deploy installs, upgrades and removes the charts in a running cluster, with the commands that the
// documentation names; `cargo xtask deployment` starts one for it.
package deploy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// limit of every wait; only a failing test reaches it.
const limit = 2 * time.Minute

// system is the namespace of the controller, and host the hostname of the first route.
const (
	system = "gatewright-system"
	host   = "hello.example.com"
)

// repository is where charts and documents are, from the environment.
func repository(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("GATEWRIGHT_ROOT")
	if root == "" {
		t.Fatal("GATEWRIGHT_ROOT is not set: run `cargo xtask deployment`")
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

// try runs a command and returns what it printed.
func try(ctx context.Context, name string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	output, err := exec.CommandContext(ctx, name, arguments...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(string(output)), err
}

func kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := try(t.Context(), "kubectl", arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

func helm(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := try(t.Context(), os.Getenv("HELM"), arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// until polls until the check is satisfied, and fails with its last complaint otherwise.
func until(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
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

// namespace makes one that holds its pods to a Pod Security Standard.
func namespace(t *testing.T, name, standard string) {
	t.Helper()
	if _, err := try(t.Context(), "kubectl", "create", "namespace", name); err != nil && !strings.Contains(err.Error(), "AlreadyExists") {
		t.Fatal(err)
	}
	kubectl(t, "label", "namespace", name, "--overwrite", "pod-security.kubernetes.io/enforce="+standard)
}

// remove deletes namespaces, without patience for their backends.
func remove(t *testing.T, namespaces ...string) {
	t.Helper()
	for _, name := range namespaces {
		kubectl(t, "delete", "deployment", "hello", "--namespace", name, "--ignore-not-found")
		kubectl(t, "delete", "pods", "--selector=app=hello", "--namespace", name, "--now")
		// A namespace with pods that end is looked at again only after half of their grace period.
		kubectl(t, "delete", "gateways", "--all", "--namespace", name)
		gone(t, "pods", "--namespace", name, ours)
	}
	kubectl(t, append([]string{"delete", "namespace", "--timeout=90s"}, namespaces...)...)
}

// definitions installs the chart of our own definitions.
func definitions(t *testing.T) {
	t.Helper()
	namespace(t, system, "restricted")
	helm(t, "upgrade", "--install", "gatewright-crds", repository(t, "deploy", "charts", "gatewright-crds"), "--namespace", system)
}

// install installs or upgrades the controller and waits for it.
func install(t *testing.T, values ...string) {
	t.Helper()
	release(t, "gatewright", system, values...)
}

func release(t *testing.T, name, namespace string, values ...string) {
	t.Helper()
	arguments := []string{
		"upgrade", "--install", name, repository(t, "deploy", "charts", "gatewright"), "--namespace", namespace,
		"--set", "image.tag=dev", "--set", "proxy.image.tag=dev", "--wait", "--timeout", "100s",
	}
	helm(t, append(arguments, values...)...)
}

// example is the argument for values of deploy/examples.
func example(t *testing.T, name string) []string {
	t.Helper()
	return []string{"--values", repository(t, "deploy", "examples", name+".yaml")}
}

// field reads one field of an object.
func field(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	return kubectl(t, append([]string{"get", "-o", "jsonpath=" + path}, arguments...)...)
}

// first applies the documentation's first Gateway and returns its address once it is programmed.
func first(t *testing.T, namespace string) string {
	t.Helper()
	kubectl(t, "apply", "--namespace", namespace, "--filename", repository(t, "docs", "install", "first.yaml"))
	kubectl(t, "wait", "--namespace", namespace, "--for=condition=Available", "deployment/hello", "--timeout=60s")
	return programmed(t, namespace)
}

// programmed waits for the Gateway edge and returns its first address.
func programmed(t *testing.T, namespace string) string {
	t.Helper()
	if _, err := try(t.Context(), "kubectl", "wait", "--namespace", namespace, "--for=condition=Programmed", "gateway/edge", "--timeout=60s"); err != nil {
		t.Fatalf("%v\n%s\n%s", err, kubectl(t, "describe", "--namespace", namespace, "gateway", "edge"),
			kubectl(t, "get", "pods", "--all-namespaces", "--output", "wide"))
	}
	return field(t, "{.status.addresses[0].value}", "--namespace", namespace, "gateway", "edge")
}

// gone waits until nothing is found.
func gone(t *testing.T, arguments ...string) {
	t.Helper()
	until(t, func() error {
		found, err := try(t.Context(), "kubectl", append([]string{"get", "--ignore-not-found", "--output", "name"}, arguments...)...)
		if err == nil && found != "" && !strings.HasPrefix(found, "No resources found") {
			err = fmt.Errorf("left: %s", found)
		}
		return err
	})
}

// get asks an address once, over its own connection unless the client says otherwise.
func get(client *http.Client, address string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, fmt.Sprint(port))+"/", nil)
	if err != nil {
		return err
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// answers waits until the address answers.
func answers(t *testing.T, address string, port int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	until(t, func() error { return get(client, address, port) })
}

// load is a bounded number of requests one after the other.
type load struct {
	stop    chan struct{}
	done    sync.WaitGroup
	mutex   sync.Mutex
	sent    int
	failure []string
}

// workers and pause bound the load to 400 requests a second; half of the workers keep their connections.
const (
	workers = 4
	pause   = 10 * time.Millisecond
)

func start(address string, port int) *load {
	load := &load{stop: make(chan struct{})}
	for worker := range workers {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: worker%2 == 0}}
		load.done.Go(func() {
			for {
				select {
				case <-load.stop:
					return
				case <-time.After(pause):
				}
				err := get(client, address, port)
				load.mutex.Lock()
				load.sent++
				if err != nil {
					load.failure = append(load.failure, time.Now().Format("15:04:05.000 ")+err.Error())
				}
				load.mutex.Unlock()
			}
		})
	}
	return load
}

// end stops the load; a single failure fails the test.
func (load *load) end(t *testing.T, what string) {
	t.Helper()
	close(load.stop)
	load.done.Wait()
	t.Logf("%s: %d requests, %d failed", what, load.sent, len(load.failure))
	if load.sent < 100 {
		t.Errorf("%s: only %d requests were sent", what, load.sent)
	}
	for i, failure := range load.failure {
		if i == 10 {
			break
		}
		t.Errorf("%s: %s", what, failure)
	}
}
