// Command gwcluster runs Kubernetes clusters in namespaces of this machine. `cargo xtask cluster`
// builds it, and everything it needs, and calls it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"gatewright.dev/e2e/cluster/internal/layout"
	"github.com/spf13/cobra"
)

// Set inside the namespaces of a cluster: its name, and the folder of all clusters. There, they are
// the default of the flags, and commands that work from inside need not enter.
const (
	clusterVariable = "GATEWRIGHT_CLUSTER"
	rootVariable    = "GATEWRIGHT_CLUSTERS"
)

// common holds the flags that every command has.
type common struct {
	root string
	name string
}

func (c *common) cluster() (layout.Cluster, error) { return layout.New(c.root, c.name) }

func main() {
	flags := &common{}
	root := &cobra.Command{
		Use:           "gwcluster",
		Short:         "Kubernetes clusters in namespaces of this machine",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&flags.root, "root", defaultRoot(), "folder of all clusters")
	root.PersistentFlags().StringVar(&flags.name, "name", defaultName(), "name of the cluster")
	root.AddCommand(
		upCommand(flags), downCommand(flags), statusCommand(flags), shellCommand(flags),
		loadCommand(flags), faultCommand(flags), killPodCommand(flags), packCommand(),
		initCommand(flags), nodeCommand(flags), enterCommand(flags),
	)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "gwcluster:", err)
		os.Exit(exitCode(err))
	}
}

func defaultName() string {
	if name := os.Getenv(clusterVariable); name != "" {
		return name
	}
	return "default"
}

func defaultRoot() string {
	if root := os.Getenv(rootVariable); root != "" {
		return root
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "gatewright", "clusters")
}
