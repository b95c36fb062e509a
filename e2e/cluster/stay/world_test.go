//go:build cluster

// Package stay checks that not one request is lost while everything around the traffic changes, fails or
// restarts: proxies, controllers, the API server, backends, routes and certificates. `cargo xtask stay` starts a
// cluster for it.
package stay

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

// space is the namespace of the Gateway, and host the hostname of its first route.
const (
	space = "stay"
	host  = "hello.example.com"
)

// full is whether everything runs at its full length.
var full = os.Getenv("GATEWRIGHT_FULL") != ""

// either is the number for a full or a quick run.
func either[N any](whole, quick N) N {
	if full {
		return whole
	}
	return quick
}

// manifests are a Gateway of a class with a route to a backend of two pods that end as a backend should: they go on
// answering for as long as somebody may still send to them.
const manifests = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: %s
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: hello}
spec:
  parentRefs: [{name: edge}]
  hostnames: [hello.example.com]
  rules: [{backendRefs: [{name: hello, port: 80}]}]
`

// backend is a Service and the pods behind it, which answer with their names.
const backend = `
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 80, targetPort: 3000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: 2
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 10
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: %[1]s
          image: registry.k8s.io/gateway-api/echo-basic:v1.5.1
          env:
            - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
          readinessProbe: {httpGet: {path: /, port: 3000}, periodSeconds: 1}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// installed is the address of the Gateway, once there is one: all tests share it.
var (
	once      sync.Once
	installed string
)

// world installs the charts and the Gateway once, and returns the Gateway's address.
func world(t *testing.T) string {
	t.Helper()
	once.Do(func() {
		inside.Definitions(t)
		inside.Install(t, "--set", "gatewayClass.parameters.deployment.replicas=2")
		installed = placed(t, space, own.class)
	})
	if installed == "" {
		t.Fatal("there is no Gateway: see the first test")
	}
	// As the test before should have left it.
	own.parameters(t, `{"replicas":2,"image":null,"podAnnotations":null}`)
	own.settled(t, 2)
	inside.Answers(t, plain(installed))
	return installed
}

// placed makes a Gateway of a class, its route and its backend in a namespace, and returns the Gateway's address.
func placed(t *testing.T, namespace, class string) string {
	t.Helper()
	inside.Namespace(t, namespace, "restricted")
	inside.Apply(t, namespace, fmt.Sprintf(manifests, class))
	inside.Apply(t, namespace, fmt.Sprintf(backend, "hello"))
	available(t, namespace, "hello")
	return inside.Programmed(t, namespace)
}

// plain is the first route by HTTP.
func plain(address string) inside.Target {
	return inside.Target{Address: net.JoinHostPort(address, "80"), Host: host}
}

func available(t *testing.T, namespace, deployment string) {
	t.Helper()
	inside.Kubectl(t, "rollout", "status", "--namespace", namespace, "deployment/"+deployment, "--timeout=110s")
}

// controllers are the names of the controllers' pods.
func controllers(t *testing.T) []string {
	t.Helper()
	return pods(t, inside.System, "app.kubernetes.io/name=gatewright-controller")
}

func pods(t *testing.T, namespace, selector string) []string {
	t.Helper()
	return strings.Fields(inside.Field(t, "{.items[*].metadata.name}", "--namespace", namespace, "pods", "--selector", selector))
}

// component restarts a part of the cluster.
func component(t *testing.T, name string) {
	t.Helper()
	if _, err := inside.Try(t.Context(), "gwcluster", "component", name, "restart"); err != nil {
		t.Fatal(err)
	}
	inside.Until(t, func() error {
		_, err := inside.Try(t.Context(), "kubectl", "get", "--raw", "/readyz")
		return err
	})
}

// reaches changes what a Gateway's route answers and waits until it can be seen: proof that configuration flows.
func reaches(t *testing.T, edge edge) {
	t.Helper()
	value := strconv.FormatInt(time.Now().UnixNano(), 36)
	patch := `[{"op":"add","path":"/spec/rules/0/filters","value":[{"type":"ResponseHeaderModifier","responseHeaderModifier":{"set":[{"name":"x-change","value":"` + value + `"}]}}]}]`
	inside.Until(t, func() error {
		_, err := inside.Try(t.Context(), "kubectl", "patch", "--namespace", edge.namespace, "httproute", "hello", "--type", "json", "--patch", patch)
		return err
	})
	began := time.Now()
	client := &inside.Client{Target: plain(edge.address), Fresh: true}
	// Every proxy, by chance: a Service picks one for each connection.
	seen := 0
	inside.Until(t, func() error {
		answer, err := client.Get()
		if err != nil {
			return err
		}
		if answer.Header.Get("x-change") != value {
			seen = 0
			return fmt.Errorf("a proxy still answers as before the change")
		}
		if seen++; seen < 10 {
			return fmt.Errorf("seen %d times", seen)
		}
		return nil
	})
	t.Logf("a change reached the proxies within %s", time.Since(began).Round(time.Millisecond))
}
