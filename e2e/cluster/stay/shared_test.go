//go:build cluster

package stay

import (
	"fmt"
	"sync"
	"testing"

	"gatewright.dev/e2e/cluster/inside"
)

// sharedEdges are two Gateways of one class in two namespaces, once they are there: the tests of shared proxies have them
// in common.
var (
	sharedOnce  sync.Once
	sharedEdges []edge
)

// sharing makes the class and its Gateways once, and returns them with their proxies.
func sharing(t *testing.T) served {
	t.Helper()
	world(t)
	sharedOnce.Do(func() {
		inside.Apply(t, inside.System, fmt.Sprintf(sharedManifests, shared.class, 2))
		var made []edge
		for _, namespace := range []string{"stay-one", "stay-two"} {
			made = append(made, edge{namespace, placed(t, namespace, shared.class)})
		}
		sharedEdges = made
	})
	if len(sharedEdges) == 0 {
		t.Fatal("there are no Gateways with shared proxies: see the first test of them")
	}
	// As the test before should have left it.
	shared.scale(t, 2)
	for _, edge := range sharedEdges {
		inside.Answers(t, plain(edge.address))
	}
	return served{shared, sharedEdges}
}

// As TestProxiesAreReplaced, for all Gateways of a class at once.
func TestSharedProxiesAreReplaced(t *testing.T) {
	sharing(t).replaced(t, either(replacements, replacements[:1])...)
}

func TestSharedProxiesGrowAndShrink(t *testing.T) {
	served := sharing(t)
	counts := either([]int{5, 1, 2}, []int{4, 2})
	load := served.load()
	for _, count := range counts {
		served.scale(t, count)
	}
	load.end(t, fmt.Sprintf("from two shared proxies to %v", counts))
}

// One of two shared proxies; at full length also the other one, and the only one.
func TestSharedProxiesAreDeleted(t *testing.T) {
	served := sharing(t)
	proxies := served.proxies(t)
	if !full {
		served.deleted(t, proxies[:1], "deletion of one shared proxy of two")
		return
	}
	served.deleted(t, proxies, "deletion of one shared proxy of two, twice")
	served.scale(t, 1)
	served.deleted(t, served.proxies(t), "deletion of the only shared proxy")
	served.scale(t, 2)
}

// As TestAnotherControllerLeads: the proxies of a class find the new leader, and changes of each Gateway reach them.
func TestAnotherControllerLeadsSharedProxies(t *testing.T) {
	served := sharing(t)
	for _, how := range either(leaves, leaves[:1]) {
		served.led(t, how)
	}
}
