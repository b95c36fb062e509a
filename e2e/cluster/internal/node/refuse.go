package node

import (
	"fmt"
	"os/exec"

	"gatewright.dev/e2e/cluster/internal/layout"
)

// refuse has packets refused at once that still carry a load balancer's address after kube-proxy's
// rules were asked, which means that no Service has it, or that the rules do not know it yet.
//
// Without this they leave for a neighbour that does not exist. The kernel remembers such an attempt
// for two minutes, as a connection whose addresses are not translated, and a later connection that
// happens to have the same port of its own is taken for it: it is told "no route to host" although
// the Service is there and well. A refused packet leaves nothing behind.
func refuse() error {
	for program, addresses := range map[string]string{
		"iptables":  layout.BalancersIPv4,
		"ip6tables": layout.BalancersIPv6,
	} {
		for _, chain := range []string{"OUTPUT", "FORWARD"} {
			rule := exec.Command(program, "--wait", "--append", chain, "--destination", addresses, "--jump", "REJECT")
			if out, err := rule.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", rule, err, out)
			}
		}
	}
	return nil
}
