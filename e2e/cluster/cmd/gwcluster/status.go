package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

// summary of one cluster.
type summary struct {
	Name       string `json:"name"`
	PID        int    `json:"pid"`
	Running    bool   `json:"running"`
	Kubeconfig string `json:"kubeconfig"`
	node.Report
}

func statusCommand(flags *common) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "status",
		Short: "List the clusters, and how each one's components fare",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			names := []string{flags.name}
			if !command.Flags().Changed("name") {
				var err error
				if names, err = clusterNames(flags.root); err != nil {
					return err
				}
			}
			summaries := make([]summary, 0, len(names))
			for _, name := range names {
				one, err := summarize(command.Context(), flags.root, name)
				if err != nil {
					return err
				}
				summaries = append(summaries, one)
			}
			if asJSON {
				encoder := json.NewEncoder(os.Stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(summaries)
			}
			return print(summaries)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func summarize(ctx context.Context, root, name string) (summary, error) {
	cluster, err := layout.New(root, name)
	if err != nil {
		return summary{}, err
	}
	handle, alive, err := node.Find(cluster)
	if err != nil {
		return summary{}, err
	}
	if os.Getenv(clusterVariable) == name {
		alive = true // inside, where processes have other numbers
	}
	one := summary{Name: name, PID: handle.PID, Running: alive, Kubeconfig: cluster.Kubeconfig()}
	if alive {
		one.Report, err = node.NewClient(cluster).Status(ctx)
	}
	return one, err
}

func print(summaries []summary) error {
	writer := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if len(summaries) == 0 {
		fmt.Fprintln(writer, "no cluster")
	}
	for _, one := range summaries {
		fmt.Fprintf(writer, "cluster %s\t%s\tpid %d\n", one.Name, describe(one), one.PID)
		for _, component := range one.Components {
			state := fmt.Sprintf("pid %d", component.PID)
			if component.PID == 0 {
				state = "down"
			}
			fmt.Fprintf(writer, "  %s\t%s\trestarts %d\t%s\n", component.Name, state, component.Restarts, component.Failure)
		}
	}
	return writer.Flush()
}

func describe(one summary) string {
	switch {
	case !one.Running:
		return "ended"
	case one.Error != "":
		return "failed: " + one.Error
	case one.Ready:
		return fmt.Sprintf("ready (in %.1f s)", one.Seconds)
	default:
		return "starting: " + one.Phase
	}
}
