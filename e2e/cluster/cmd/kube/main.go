// Command kube is every server of a Kubernetes cluster, and kubectl, as one program: linked once,
// it acts as the component named by its own file name (through a link) or by its first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the JSON log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// components maps the name of a component to the maker of its command. etcd is apart, as it
// brings its own command line.
var components = map[string]func() *cobra.Command{
	"kube-apiserver":          func() *cobra.Command { return apiserver.NewAPIServerCommand() },
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"kubelet": func() *cobra.Command {
		ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		return kubelet.NewKubeletCommand(ctx)
	},
}

// choose returns the component asked for and the command line it is to see.
func choose(args []string) (string, []string) {
	name := filepath.Base(args[0])
	if _, known := components[name]; known || name == "etcd" {
		return name, append([]string{name}, args[1:]...)
	}
	if len(args) > 1 {
		return args[1], args[1:]
	}
	return "", nil
}

func names() string {
	list := []string{"etcd"}
	for name := range components {
		list = append(list, name)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

func main() {
	name, args := choose(os.Args)
	if name == "etcd" {
		etcdmain.Main(args)
		return
	}
	make, known := components[name]
	if !known {
		fmt.Fprintf(os.Stderr, "kube: unknown component %q; one of %s\n", name, names())
		os.Exit(2)
	}
	os.Args = args
	os.Exit(cli.Run(make()))
}
