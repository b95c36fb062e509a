package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

func downCommand(flags *common) *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "down",
		Short: "End a cluster and remove everything of it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names := []string{flags.name}
			if all {
				var err error
				if names, err = clusterNames(flags.root); err != nil {
					return err
				}
			}
			for _, name := range names {
				if err := down(flags.root, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().BoolVar(&all, "all", false, "every cluster of the folder")
	return command
}

func down(root, name string) error {
	cluster, err := layout.New(root, name)
	if err != nil {
		return err
	}
	unlock, err := lock(cluster)
	if err != nil {
		return err
	}
	defer unlock()
	handle, alive, err := node.Find(cluster)
	if err != nil {
		return err
	}
	if err := end(cluster, handle); err != nil {
		return err
	}
	if alive {
		fmt.Printf("cluster %s ended\n", name)
	} else {
		fmt.Printf("cluster %s does not run\n", name)
	}
	return nil
}

// end kills the cluster and removes what it leaves.
func end(cluster layout.Cluster, handle node.Handle) error {
	if err := handle.Kill(killLimit); err != nil {
		return err
	}
	return remove(cluster)
}

// remove deletes the control groups and the folder of a cluster that was ended. Once the groups are
// gone, no process is left that could write to the folder.
func remove(cluster layout.Cluster) error {
	if err := node.RemoveCgroups(cluster.Cgroup(), killLimit); err != nil {
		return err
	}
	return os.RemoveAll(cluster.Dir)
}

// clusterNames lists the clusters that have a folder.
func clusterNames(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, filepath.Base(entry.Name()))
		}
	}
	return names, nil
}
