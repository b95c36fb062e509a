package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// killLimit is how long the end of all processes of a cluster may take.
const killLimit = 30 * time.Second

func upCommand(flags *common) *cobra.Command {
	var settings node.Settings
	var foreground bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster and wait until it is ready",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			if settings, err = absolute(settings); err != nil {
				return err
			}
			if foreground {
				return runForeground(command.Context(), cluster, settings)
			}
			handle, err := start(cluster, settings, node.Detached)
			if err != nil {
				return err
			}
			if err := follow(command.Context(), cluster); err != nil {
				// The logs stay; nothing runs on.
				return errors.Join(err, handle.Kill(killLimit))
			}
			return nil
		},
	}
	command.Flags().StringVar(&settings.Kube, "kube", "", "program that is every Kubernetes component")
	command.Flags().StringVar(&settings.CNIDir, "cni", "/usr/lib/cni", "folder of Debian's CNI plugins")
	command.Flags().StringVar(&settings.PodNetwork, "pod-network", "", "CNI plugin that connects pods (cmd/cni-ptp)")
	command.Flags().StringArrayVar(&settings.Bundles, "bundle", nil, "file of Gateway API definitions to install (repeatable, in order)")
	command.Flags().StringArrayVar(&settings.Archives, "image", nil, "docker-archive to load (repeatable)")
	command.Flags().StringVar(&settings.DNSImage, "dns-image", "", "CoreDNS image of the cluster's DNS server")
	command.Flags().StringVar(&settings.AuditNamespace, "audit", "", "record the requests of this namespace's service accounts (logs/audit.log)")
	command.Flags().BoolVar(&foreground, "foreground", false, "stay, and end the cluster with this command")
	for _, name := range []string{"kube", "pod-network"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return command
}

// absolute makes the paths independent of the working folder.
func absolute(settings node.Settings) (node.Settings, error) {
	archives := append([]string(nil), settings.Archives...)
	bundles := append([]string(nil), settings.Bundles...)
	paths := []*string{&settings.Kube, &settings.CNIDir, &settings.PodNetwork}
	for i := range archives {
		paths = append(paths, &archives[i])
	}
	for i := range bundles {
		paths = append(paths, &bundles[i])
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		full, err := filepath.Abs(*path)
		if err != nil {
			return settings, err
		}
		if _, err := os.Stat(full); err != nil {
			return settings, err
		}
		*path = full
	}
	settings.Archives, settings.Bundles = archives, bundles
	return settings, nil
}

// start makes the folder and the namespaces of a cluster that does not run yet.
func start(cluster layout.Cluster, settings node.Settings, bound node.Bound) (node.Handle, error) {
	unlock, err := lock(cluster)
	if err != nil {
		return node.Handle{}, err
	}
	defer unlock()
	if _, alive, err := node.Find(cluster); err != nil || alive {
		return node.Handle{}, errors.Join(err, fmt.Errorf("cluster %s runs already", cluster.Name))
	}
	// What an earlier cluster of the name left has no use.
	if err := remove(cluster); err != nil {
		return node.Handle{}, err
	}
	if err := os.MkdirAll(cluster.Path("logs"), 0o755); err != nil {
		return node.Handle{}, err
	}
	if err := settings.Save(cluster); err != nil {
		return node.Handle{}, err
	}
	log, err := os.Create(cluster.Log("supervisor"))
	if err != nil {
		return node.Handle{}, err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return node.Handle{}, err
	}
	process, err := node.Spawn([]string{self, "init", "--root", filepath.Dir(cluster.Dir), "--name", cluster.Name}, log, bound)
	if err != nil {
		return node.Handle{}, err
	}
	handle, err := node.NewHandle(process.Pid)
	if err == nil {
		err = handle.Save(cluster)
	}
	if err != nil {
		return node.Handle{}, errors.Join(err, process.Kill())
	}
	return handle, nil
}

// follow waits until the cluster is ready and prints what took how long.
func follow(ctx context.Context, cluster layout.Cluster) error {
	client := node.NewClient(cluster)
	printed := 0
	for ; ; time.Sleep(20 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, alive, err := node.Find(cluster); err != nil || !alive {
			return errors.Join(err, fmt.Errorf("the cluster ended; see %s", cluster.Log("supervisor")))
		}
		report, err := client.Status(ctx)
		if err != nil {
			continue // not listening yet
		}
		for ; printed < len(report.Phases); printed++ {
			fmt.Printf("%-16s %5.1f s\n", report.Phases[printed].Name, report.Phases[printed].Seconds)
		}
		if report.Error != "" {
			return fmt.Errorf("%s; logs are in %s", report.Error, cluster.Path("logs"))
		}
		if report.Ready {
			fmt.Printf("cluster %s ready in %.1f s; kubeconfig (inside its namespaces): %s\n", cluster.Name, report.Seconds, cluster.Kubeconfig())
			return nil
		}
	}
}

// runForeground keeps the cluster for as long as this process lives.
func runForeground(ctx context.Context, cluster layout.Cluster, settings node.Settings) error {
	// The cluster ends with the thread that made it, so this one must stay.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	handle, err := start(cluster, settings, node.ToCaller)
	if err != nil {
		return err
	}
	failure := follow(ctx, cluster)
	if failure == nil {
		<-ctx.Done()
	}
	return errors.Join(failure, end(cluster, handle))
}

// lock keeps two commands from changing the same cluster at the same time.
func lock(cluster layout.Cluster) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(cluster.Dir), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(cluster.Dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}
