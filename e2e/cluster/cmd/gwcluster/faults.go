package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"gatewright.dev/e2e/cluster/internal/components"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

// actions on a component, and what each does.
var actions = []string{"restart", "kill", "stop", "start"}

func faultCommand(flags *common) *cobra.Command {
	return &cobra.Command{
		Use:   "component NAME restart|kill|stop|start",
		Short: "Restart, kill (it comes back), stop or start a component, such as etcd or kube-apiserver",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			if !slices.Contains(actions, args[1]) {
				return fmt.Errorf("there is no action %q; one of %s", args[1], strings.Join(actions, ", "))
			}
			return node.NewClient(cluster).Act(command.Context(), args[0], args[1])
		},
	}
}

func killPodCommand(flags *common) *cobra.Command {
	return &cobra.Command{
		Use:   "kill-pod NAMESPACE/NAME",
		Short: "Kill the processes of a pod's containers, as a crash would",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			namespace, name, found := strings.Cut(args[0], "/")
			if !found {
				return fmt.Errorf("pod %q: want NAMESPACE/NAME", args[0])
			}
			filter := fmt.Sprintf(`labels."io.kubernetes.pod.namespace"==%s,labels."io.kubernetes.pod.name"==%s,labels."io.cri-containerd.kind"==container`, namespace, name)
			list, err := inside(cluster, ctr("containers", "list", "--quiet", filter))
			if err != nil {
				return err
			}
			output, err := exec.Command(list[0], list[1:]...).Output()
			if err != nil {
				return fmt.Errorf("listing the containers of pod %s: %w", args[0], err)
			}
			containers := strings.Fields(string(output))
			if len(containers) == 0 {
				return fmt.Errorf("pod %s has no container", args[0])
			}
			killed := 0
			for _, container := range containers {
				// One that has ended before, of a pod that has been started again, has no process to kill.
				if failed := runInside(cluster, ctr("tasks", "kill", "--signal", "SIGKILL", container)...); failed != nil {
					err = fmt.Errorf("killing container %s: %w", container, failed)
					continue
				}
				killed++
			}
			if killed == 0 {
				return err
			}
			return nil
		},
	}
}

func ctr(arguments ...string) []string {
	return append([]string{"ctr", "--address", components.ContainerdSocket, "--namespace", "k8s.io"}, arguments...)
}
