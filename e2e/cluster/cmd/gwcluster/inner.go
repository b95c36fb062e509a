package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

// initCommand is the first process of a cluster's namespaces.
func initCommand(flags *common) *cobra.Command {
	return &cobra.Command{
		Use:    "init",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return node.Init(cluster, []string{self, "node", "--root", filepath.Dir(cluster.Dir), "--name", cluster.Name})
		},
	}
}

// nodeCommand is the supervisor inside the namespaces.
func nodeCommand(flags *common) *cobra.Command {
	return &cobra.Command{
		Use:    "node",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return node.Run(ctx, cluster)
		},
	}
}
