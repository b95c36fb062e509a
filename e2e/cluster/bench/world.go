package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// namespace of everything that is measured.
	namespace = "gatewright-bench"
	// batch is the label of routes that go together.
	batch = "gatewright.dev/bench"
	// limit of every wait; only a failing run reaches it.
	limit = 5 * time.Minute
	// echo is the echo server of the conformance suite, which every test cluster has.
	echo = "registry.k8s.io/gateway-api/echo-basic:v1.5.1"
)

var (
	gateways = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	routes   = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
)

// world is the cluster under measurement.
type world struct {
	settings settings
	product  product
	core     kubernetes.Interface
	dynamic  dynamic.Interface
}

func newWorld(chosen settings) (*world, error) {
	product, known := products[chosen.product]
	if !known {
		return nil, fmt.Errorf("--product: found %q, accepted is gatewright or envoy-gateway", chosen.product)
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 2000, 2000
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	return &world{settings: chosen, product: product, core: core, dynamic: objects}, err
}

// prepare makes the namespace and a backend, and waits for it.
func (world *world) prepare(ctx context.Context) error {
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := world.core.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	labels := map[string]string{"app": "echo"}
	meta := metav1.ObjectMeta{Name: "echo", Namespace: namespace}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: labels,
		Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(3000)}},
	}}
	if _, err := world.core.CoreV1().Services(namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	reference := func(name, path string) corev1.EnvVar {
		source := &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
		return corev1.EnvVar{Name: name, ValueFrom: source}
	}
	deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "echo", Image: echo,
				Env: []corev1.EnvVar{reference("POD_NAME", "metadata.name"), reference("NAMESPACE", "metadata.namespace")},
			}}},
		},
	}}
	if _, err := world.core.AppsV1().Deployments(namespace).Create(ctx, deployment, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	return until(ctx, 50*time.Millisecond, func() error {
		found, err := world.core.AppsV1().Deployments(namespace).Get(ctx, "echo", metav1.GetOptions{})
		if err == nil && found.Status.AvailableReplicas == 0 {
			err = fmt.Errorf("the backend is not available")
		}
		return err
	})
}

// clearAll deletes all routes in the namespace, and waits until the Gateway, if there is one, counts none.
func (world *world) clearAll(ctx context.Context) error {
	if err := world.cleared(ctx, metav1.ListOptions{}); err != nil {
		return err
	}
	return until(ctx, 50*time.Millisecond, func() error {
		count, err := world.attached(ctx)
		if errors.IsNotFound(err) {
			return nil
		}
		if err == nil && count > 0 {
			err = fmt.Errorf("%d routes are still attached", count)
		}
		return err
	})
}

// clear deletes the routes of a batch and waits until they are gone.
func (world *world) clear(ctx context.Context, name string) error {
	return world.cleared(ctx, metav1.ListOptions{LabelSelector: batch + "=" + name})
}

func (world *world) cleared(ctx context.Context, selector metav1.ListOptions) error {
	api := world.dynamic.Resource(routes).Namespace(namespace)
	if err := api.DeleteCollection(ctx, metav1.DeleteOptions{}, selector); err != nil {
		return err
	}
	selector.Limit = 1
	return until(ctx, 50*time.Millisecond, func() error {
		found, err := api.List(ctx, selector)
		if err == nil && len(found.Items) > 0 {
			err = fmt.Errorf("routes are left: %s", found.Items[0].GetName())
		}
		return err
	})
}

// route is that of gateway-api-bench: a hostname of its own, two rules, filters, a backend that is missing.
func (world *world) route(name, gateway, of string) *unstructured.Unstructured {
	backend := func(name string) []any { return []any{map[string]any{"name": name, "port": int64(80)}} }
	header := map[string]any{
		"type":                  "RequestHeaderModifier",
		"requestHeaderModifier": map[string]any{"set": []any{map[string]any{"name": "x-route", "value": name}}},
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "HTTPRoute",
		"metadata":   map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{batch: of}},
		"spec": map[string]any{
			"parentRefs": []any{map[string]any{"name": gateway}},
			"hostnames":  []any{name + ".bench.example"},
			"rules": []any{
				map[string]any{"filters": []any{header}, "backendRefs": backend("echo")},
				map[string]any{
					"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/missing"}}},
					"filters":     []any{header},
					"backendRefs": backend("missing"),
				},
			},
		},
	}}
}

// until polls until the check is satisfied, and answers its last complaint otherwise.
func until(ctx context.Context, pause time.Duration, check func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
