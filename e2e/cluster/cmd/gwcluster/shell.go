package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

func shellCommand(flags *common) *cobra.Command {
	return &cobra.Command{
		Use:   "shell [-- COMMAND ARG...]",
		Short: "Run a command, or a shell, inside a cluster's namespaces",
		Long: "Runs a command, or a shell, inside a cluster's namespaces, with KUBECONFIG set, kubectl and\n" +
			"gwcluster in the path, and the working folder kept. It and what it starts ends with the cluster at the latest.",
		RunE: func(_ *cobra.Command, args []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{userShell()}
			}
			command, err := inside(cluster, args)
			if err != nil {
				return err
			}
			// This process becomes the command: signals and its exit status pass unchanged.
			program, err := exec.LookPath(command[0])
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: %w", command[0], syscall.Exec(program, command, os.Environ()))
		},
	}
}

func userShell() string {
	if shell := os.Getenv("SHELL"); shell != "" {
		return shell
	}
	return "/bin/sh"
}

// inside is the command line that runs a command in the cluster's namespaces.
func inside(cluster layout.Cluster, command []string) ([]string, error) {
	if os.Getenv(clusterVariable) == cluster.Name {
		return command, nil // there already
	}
	handle, alive, err := node.Find(cluster)
	if err != nil {
		return nil, err
	}
	if !alive {
		return nil, fmt.Errorf("cluster %s does not run", cluster.Name)
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return nil, fmt.Errorf("%w (Debian package util-linux)", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	line := []string{
		nsenter, "--target", strconv.Itoa(handle.PID), "--net", "--mount", "--pid", "--",
		self, "enter", "--root", filepath.Dir(cluster.Dir), "--name", cluster.Name, "--folder", folder, "--",
	}
	return append(line, command...), nil
}

// enterCommand is the last step into the namespaces: entering those of mounts has changed the
// working folder to the root.
func enterCommand(flags *common) *cobra.Command {
	var folder string
	command := &cobra.Command{
		Use:    "enter -- COMMAND ARG...",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			settings, err := node.Load(cluster)
			if err != nil {
				return err
			}
			if err := os.Chdir(folder); err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			path := []string{filepath.Dir(settings.Kube), filepath.Dir(self), os.Getenv("PATH")}
			if err := errors.Join(
				os.Setenv("PATH", strings.Join(path, ":")),
				os.Setenv("KUBECONFIG", cluster.Kubeconfig()),
				os.Setenv(clusterVariable, cluster.Name),
				os.Setenv(rootVariable, filepath.Dir(cluster.Dir)),
			); err != nil {
				return err
			}
			program, err := exec.LookPath(args[0])
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: %w", strings.Join(args, " "), syscall.Exec(program, args, os.Environ()))
		},
	}
	command.Flags().StringVar(&folder, "folder", "/", "working folder")
	return command
}

// exitCode passes on the status of a command that was run.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}

// runInside runs a command in the cluster's namespaces, with this command's output.
func runInside(cluster layout.Cluster, arguments ...string) error {
	line, err := inside(cluster, arguments)
	if err != nil {
		return err
	}
	command := exec.Command(line[0], line[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}
