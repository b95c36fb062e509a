package node

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"sync"
	"time"

	"gatewright.dev/e2e/cluster/internal/apply"
	"gatewright.dev/e2e/cluster/internal/balancer"
	"gatewright.dev/e2e/cluster/internal/components"
	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/pki"
	"gatewright.dev/e2e/cluster/internal/supervise"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// startLimit bounds the time until the cluster is ready.
const startLimit = 3 * time.Minute

// node is the running supervisor.
type node struct {
	cluster   layout.Cluster
	settings  Settings
	options   components.Options
	processes map[string]*supervise.Process
	order     []string

	mu     sync.Mutex
	report Report
}

// Run brings the cluster up and keeps it until the context ends. It answers on the control socket
// from the start, so that `up` can follow.
func Run(ctx context.Context, cluster layout.Cluster) error {
	settings, err := Load(cluster)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	node := &node{cluster: cluster, settings: settings, processes: map[string]*supervise.Process{}}
	node.report.Started = time.Now()
	served := make(chan error, 1)
	go func() { served <- node.serve(ctx) }()
	if err := node.bringUp(ctx); err != nil {
		log.Printf("not up: %v", err)
		node.finish(err)
	} else {
		node.finish(nil)
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		node.stopAll()
		return nil
	}
}

// phase runs one step and reports how long it took.
func (n *node) phase(name string, step func() error) error {
	began := time.Now()
	n.mu.Lock()
	n.report.Phase = name
	n.mu.Unlock()
	err := step()
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	n.mu.Lock()
	n.report.Phases = append(n.report.Phases, Phase{Name: name, Seconds: time.Since(began).Seconds()})
	n.mu.Unlock()
	return err
}

func (n *node) finish(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.report.Phase = ""
	n.report.Ready = err == nil
	n.report.Seconds = time.Since(n.report.Started).Seconds()
	if err != nil {
		n.report.Error = err.Error()
	}
}

func (n *node) bringUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := n.phase("configuration", n.configure); err != nil {
		return err
	}
	if err := n.phase("etcd", func() error {
		if err := n.start(components.Containerd, components.Etcd); err != nil {
			return err
		}
		return waitEtcd(ctx)
	}); err != nil {
		return err
	}
	loaded := make(chan error, 1)
	go func() { loaded <- n.loadArchives(ctx) }()
	var config *rest.Config
	if err := n.phase("API server", func() (err error) {
		if err = n.start(components.APIServer); err != nil {
			return err
		}
		if config, err = clientcmd.BuildConfigFromFlags("", n.cluster.Kubeconfig()); err != nil {
			return err
		}
		config.QPS, config.Burst = 200, 400
		return waitAPIServer(ctx, config)
	}); err != nil {
		return err
	}
	if err := n.phase("images", func() error { return <-loaded }); err != nil {
		return err
	}
	if err := n.phase("components", func() error {
		return n.start(components.ControllerManager, components.Scheduler, components.Kubelet, components.Proxy)
	}); err != nil {
		return err
	}
	if err := n.phase("definitions", func() error { return n.install(ctx, config) }); err != nil {
		return err
	}
	return n.phase("node", func() error {
		if err := waitNode(ctx, config); err != nil {
			return err
		}
		return balancer.Start(context.WithoutCancel(ctx), config)
	})
}

// configure prepares namespaces, keys and files.
func (n *node) configure() error {
	snapshotter, err := Snapshotter(n.cluster.Dir)
	if err != nil {
		return err
	}
	n.options = components.Options{
		Kube: n.settings.Kube, Snapshotter: snapshotter,
		CNIDir: n.settings.CNIDir, PodNetwork: n.settings.PodNetwork,
		AuditNamespace: n.settings.AuditNamespace,
	}
	authority, err := pki.WriteCluster(n.cluster)
	if err != nil {
		return err
	}
	if err := components.Write(n.cluster, n.options, authority); err != nil {
		return err
	}
	if err := mounts(n.cluster, n.settings.DNSImage != ""); err != nil {
		return err
	}
	if err := network(); err != nil {
		return err
	}
	if err := refuse(); err != nil {
		return err
	}
	if err := mountCgroups(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, spec := range components.Specs(n.cluster, n.options) {
		n.processes[spec.Name] = supervise.New(spec.Name, spec.Command, n.cluster.Log(spec.Name))
		n.order = append(n.order, spec.Name)
	}
	return nil
}

func (n *node) start(names ...string) error {
	for _, name := range names {
		if err := n.processes[name].Start(); err != nil {
			return err
		}
	}
	return nil
}

// stopAll ends the components, the last started first.
func (n *node) stopAll() {
	for i := len(n.order) - 1; i >= 0; i-- {
		n.processes[n.order[i]].Stop()
	}
}

// install applies the Gateway API's definitions and the DNS server.
func (n *node) install(ctx context.Context, config *rest.Config) error {
	for _, bundle := range n.settings.Bundles {
		if err := apply.Bundle(ctx, config, bundle); err != nil {
			return err
		}
	}
	if n.settings.DNSImage != "" {
		return apply.DNS(ctx, config, n.settings.DNSImage)
	}
	return nil
}

// loadArchives brings the images to containerd, once it answers.
func (n *node) loadArchives(ctx context.Context) error {
	if err := waitSocket(ctx, components.ContainerdSocket); err != nil {
		return err
	}
	for _, archive := range n.settings.Archives {
		if err := Import(ctx, archive, n.options.Snapshotter); err != nil {
			return err
		}
	}
	return nil
}

// Import loads a docker-archive into containerd, where Kubernetes looks for images. It runs inside
// the namespaces.
func Import(ctx context.Context, archive, snapshotter string) error {
	if _, err := os.Stat(archive); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "ctr", "--address", components.ContainerdSocket, "--namespace", "k8s.io",
		"images", "import", "--snapshotter", snapshotter, archive)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("loading %s: %w\n%s", archive, err, output)
	}
	return nil
}
