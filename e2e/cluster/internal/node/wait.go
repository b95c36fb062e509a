package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// pollEvery is how often a condition is looked at while it is waited for.
const pollEvery = 50 * time.Millisecond

// errNotYet is the reason of a condition that just is not met yet.
var errNotYet = errors.New("not ready yet")

// poll looks at a condition until it is met or the context ends; the error then names the last
// reason.
func poll(ctx context.Context, what string, condition func(context.Context) error) error {
	for {
		reason := condition(ctx)
		if reason == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", what, reason)
		case <-time.After(pollEvery):
		}
	}
}

func waitEtcd(ctx context.Context) error {
	return poll(ctx, "etcd", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:2379/health", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("health: %s", response.Status)
		}
		return nil
	})
}

func waitSocket(ctx context.Context, path string) error {
	return poll(ctx, path, func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

func waitAPIServer(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return poll(ctx, "the API server", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// waitNode waits until pods can be made and run, and Services reach them.
func waitNode(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := poll(ctx, "the node", func(ctx context.Context) error {
		node, err := client.CoreV1().Nodes().Get(ctx, layout.NodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return nodeReady(node)
	}); err != nil {
		return err
	}
	if err := poll(ctx, "the default service account", func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	return poll(ctx, "kube-proxy", func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(layout.APIServiceIP, "443"))
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// nodeReady tells why pods cannot run on the node yet.
func nodeReady(node *v1.Node) error {
	for _, taint := range node.Spec.Taints {
		if taint.Effect == v1.TaintEffectNoSchedule {
			return fmt.Errorf("taint %s", taint.Key)
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			if condition.Status == v1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("%s: %s", condition.Reason, condition.Message)
		}
	}
	return errNotYet
}
