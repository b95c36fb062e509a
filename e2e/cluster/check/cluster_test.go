//go:build cluster

package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// get asks an address over a new connection and returns the pod that answers.
func get(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, "80")+"/", nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Pod string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s: %w", response.Status, err)
	}
	return answer.Pod, nil
}

func TestAServiceBalancesRestrictedPodsOverBothFamilies(t *testing.T) {
	const replicas = 3
	namespace(t, "balanced")
	echo(t, "balanced", replicas)
	balanced(t, "balanced", "echo", func(spec *v1.ServiceSpec) {
		spec.IPFamilyPolicy = ptr.To(v1.IPFamilyPolicyRequireDualStack)
	})
	found := addresses(t, "balanced", "echo", 2)
	if !slices.ContainsFunc(found, func(a string) bool { return strings.Contains(a, ":") }) ||
		!slices.ContainsFunc(found, func(a string) bool { return strings.Contains(a, ".") }) {
		t.Errorf("addresses %v are of one family", found)
	}
	for _, address := range found {
		pods := map[string]bool{}
		until(t, func(ctx context.Context) error {
			pod, err := get(ctx, address)
			if err != nil {
				return err
			}
			if pods[pod] = true; len(pods) < replicas {
				return fmt.Errorf("%s: only pods %v have answered", address, pods)
			}
			return nil
		})
	}
}

func TestAStaticAddressIsGivenIfThePoolHasIt(t *testing.T) {
	namespace(t, "static")
	balanced(t, "static", "usable", func(spec *v1.ServiceSpec) { spec.LoadBalancerIP = layout.UsableAddress })
	balanced(t, "static", "unusable", func(spec *v1.ServiceSpec) { spec.LoadBalancerIP = layout.UnusableAddress })
	balanced(t, "static", "foreign", func(spec *v1.ServiceSpec) { spec.LoadBalancerClass = ptr.To("example.com/other") })
	if found := addresses(t, "static", "usable", 1); found[0] != layout.UsableAddress {
		t.Errorf("address %v", found)
	}
	until(t, func(ctx context.Context) error {
		events, err := client(t).CoreV1().Events("static").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, event := range events.Items {
			if event.InvolvedObject.Name == "unusable" && event.Reason == "AllocationFailed" && strings.Contains(event.Message, layout.UnusableAddress) {
				return nil
			}
		}
		return fmt.Errorf("no event tells why (of %d)", len(events.Items))
	})
	// The event comes from a look at all Services, so the others have been looked at as well.
	addresses(t, "static", "unusable", 0)
	addresses(t, "static", "foreign", 0)
}

// A client that tried an address before a Service had it is refused at once, and nothing of that stands in the way of a
// later connection from the same port.
func TestAnAddressWithoutAServiceRefusesAndForgets(t *testing.T) {
	early := []string{"172.30.1.201", "fd31::c9"}
	dial := func(address string) (net.Conn, error) {
		port := 29990 + slices.Index(early, address) // below those that the kernel chooses
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{Port: port}, Timeout: 10 * time.Second}
		return dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(address, "80"))
	}
	for _, address := range early {
		if _, err := dial(address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s without a Service: %v, want a refusal", address, err)
		}
	}
	namespace(t, "late")
	echo(t, "late", 1)
	balanced(t, "late", "echo", func(spec *v1.ServiceSpec) {
		spec.IPFamilyPolicy = ptr.To(v1.IPFamilyPolicyRequireDualStack)
		spec.LoadBalancerIP = strings.Join(early, ",")
	})
	for _, address := range early {
		until(t, func(ctx context.Context) error {
			_, err := get(ctx, address)
			return err
		})
		connection, err := dial(address)
		if err != nil {
			t.Errorf("%s with a Service, from the same port as before: %v", address, err)
			continue
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNamesOfServicesResolve(t *testing.T) {
	for _, name := range []string{"kubernetes.default.svc.cluster.local.", "kubernetes.default"} {
		until(t, func(ctx context.Context) error {
			found, err := net.DefaultResolver.LookupHost(ctx, name)
			if err == nil && !slices.Equal(found, []string{layout.APIServiceIP}) {
				err = fmt.Errorf("%s is %v", name, found)
			}
			return err
		})
	}
}

func TestTheGatewayAPIIsServedWithItsRules(t *testing.T) {
	gateways := objects(t).Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}).Namespace("default")
	gateway := func(name string, protocol string) *unstructured.Unstructured {
		listener := map[string]any{"name": "a", "port": int64(80), "protocol": protocol}
		if protocol != "HTTP" {
			listener["hostname"] = "a.example.com"
		}
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
			"metadata": map[string]any{"name": name},
			"spec":     map[string]any{"gatewayClassName": "none", "listeners": []any{listener}},
		}}
	}
	if _, err := gateways.Create(t.Context(), gateway("good", "HTTP"), metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	// A rule in CEL: hostname must not be specified for protocols ['TCP', 'UDP'].
	if _, err := gateways.Create(t.Context(), gateway("bad", "TCP"), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a hostname on a TCP listener: %v", err)
	}
}

// Upstream's admission policy keeps definitions of older releases out
// (config/crd/experimental/gateway.networking.k8s.io_vap_safeupgrades.yaml of the Gateway API's module).
func TestOlderDefinitionsAreRefused(t *testing.T) {
	definitions := objects(t).Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	annotate := func(version string) func(context.Context) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"gateway.networking.k8s.io/bundle-version":%q}}}`, version)
		return func(ctx context.Context) error {
			_, err := definitions.Patch(ctx, "gateways.gateway.networking.k8s.io", types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
	}
	// The API server takes a moment to enforce a new policy.
	until(t, func(ctx context.Context) error {
		if err := annotate("v1.4.0")(ctx); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "safe-upgrades") {
			return fmt.Errorf("want a refusal, got %v", err)
		}
		return nil
	})
	if err := annotate("v1.7.0")(t.Context()); err != nil {
		t.Errorf("a newer release is refused: %v", err)
	}
}

func TestServiceAccountsAreKnownAndHaveNoRights(t *testing.T) {
	namespace(t, "accounts")
	admin := client(t)
	token, err := admin.CoreV1().ServiceAccounts("accounts").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	review, err := admin.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token},
	}, metav1.CreateOptions{})
	if err != nil || !review.Status.Authenticated || review.Status.User.Username != "system:serviceaccount:accounts:default" {
		t.Errorf("review %+v, %v", review, err)
	}
	own := rest.AnonymousClientConfig(config(t))
	own.BearerToken = token.Status.Token
	account, err := kubernetes.NewForConfig(own)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := account.CoreV1().Services("accounts").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("it may list Services: %v", err)
	}
}

func TestACrashedPodIsStartedAgain(t *testing.T) {
	namespace(t, "crash")
	pods := client(t).CoreV1().Pods("crash")
	if _, err := pods.Create(t.Context(), &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "echo"}, Spec: echoPod()}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	running := func(restarts int32) func(context.Context) error {
		return func(ctx context.Context) error {
			pod, err := pods.Get(ctx, "echo", metav1.GetOptions{})
			if err != nil {
				return err
			}
			statuses := pod.Status.ContainerStatuses
			if len(statuses) != 1 || !statuses[0].Ready || statuses[0].RestartCount != restarts {
				return fmt.Errorf("containers %+v", statuses)
			}
			return nil
		}
	}
	until(t, running(0))
	manage(t, "kill-pod", "crash/echo")
	until(t, running(1))
}

func TestObjectsSurviveFaultsOfTheControlPlane(t *testing.T) {
	namespace(t, "faults")
	maps := client(t).CoreV1().ConfigMaps("faults")
	for i, fault := range [][2]string{
		{"etcd", "restart"}, {"etcd", "kill"}, {"kube-apiserver", "restart"}, {"kube-apiserver", "kill"},
	} {
		name := fmt.Sprintf("object-%d", i)
		// The write may meet what the fault before has left.
		until(t, func(ctx context.Context) error {
			_, err := maps.Create(ctx, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
		manage(t, "component", fault[0], fault[1])
		until(t, func(ctx context.Context) error {
			if err := client(t).Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
				return err
			}
			_, err := maps.Get(ctx, name, metav1.GetOptions{})
			return err
		})
	}
	manage(t, "component", "kube-apiserver", "stop")
	if _, err := maps.List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the API server answers though it was stopped")
	}
	manage(t, "component", "kube-apiserver", "start")
	until(t, func(ctx context.Context) error {
		list, err := maps.List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) != 5 {
			err = fmt.Errorf("%d objects, want 4 and the root certificates", len(list.Items))
		}
		return err
	})
}
