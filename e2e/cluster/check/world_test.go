//go:build cluster

// Package check tests a running cluster from inside its namespaces; `cargo xtask cluster check`
// starts one for it.
package check

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
)

// limit of every wait; only a failing test reaches it.
const limit = 90 * time.Second

// echoImage is on every cluster: it answers a request with JSON that names its pod.
const echoImage = "registry.k8s.io/gateway-api/echo-basic:v1.5.1"

func config(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 100, 200
	return config
}

func client(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// objects is a client for kinds without Go types here.
func objects(t *testing.T) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(config(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// until polls until the check is satisfied, and fails with its last complaint otherwise.
func until(t *testing.T, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		complaint := check(ctx)
		if complaint == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", limit, complaint)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// namespace makes one whose pods must meet the restricted Pod Security Standard.
func namespace(t *testing.T, name string) {
	t.Helper()
	_, err := client(t).CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// A pod needs the service account that a controller makes.
	until(t, func(ctx context.Context) error {
		_, err := client(t).CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// echoPod is a pod that meets the restricted standard and yet listens on port 80.
func echoPod() v1.PodSpec {
	field := func(path string) *v1.EnvVarSource {
		return &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}
	}
	return v1.PodSpec{
		SecurityContext: &v1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To[int64](65532),
			SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault},
		},
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers: []v1.Container{{
			Name:  "echo",
			Image: echoImage,
			Env: []v1.EnvVar{
				{Name: "HTTP_PORT", Value: "80"},
				{Name: "POD_NAME", ValueFrom: field("metadata.name")},
				{Name: "NAMESPACE", ValueFrom: field("metadata.namespace")},
			},
			SecurityContext: &v1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &v1.Capabilities{Drop: []v1.Capability{"ALL"}},
			},
		}},
	}
}

// echo makes so many pods of the echo server, labelled app=echo.
func echo(t *testing.T, namespace string, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": "echo"}
	_, err := client(t).AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "echo"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: echoPod()},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// balanced makes a Service of type LoadBalancer for the pods labelled app=NAME.
func balanced(t *testing.T, namespace, name string, change func(*v1.ServiceSpec)) {
	t.Helper()
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.ServiceSpec{
			Type:     v1.ServiceTypeLoadBalancer,
			Selector: map[string]string{"app": name},
			Ports:    []v1.ServicePort{{Port: 80}},
		},
	}
	change(&service.Spec)
	if _, err := client(t).CoreV1().Services(namespace).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// addresses of a Service's load balancer, once there are so many.
func addresses(t *testing.T, namespace, name string, count int) []string {
	t.Helper()
	var found []string
	until(t, func(ctx context.Context) error {
		service, err := client(t).CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		found = nil
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			found = append(found, ingress.IP)
		}
		if len(found) != count {
			return fmt.Errorf("addresses %v, want %d", found, count)
		}
		return nil
	})
	return found
}

// manage runs gwcluster, which has its cluster from the environment here.
func manage(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), "gwcluster", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("gwcluster %v: %v\n%s", arguments, err, output)
	}
}
