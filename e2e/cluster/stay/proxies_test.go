//go:build cluster

package stay

import "testing"

// replacements are changes of parameters that have all proxies replaced, the last one back to the beginning.
var replacements = []string{
	`{"podAnnotations":{"example.com/release":"1"}}`,
	`{"image":{"reference":"ghcr.io/gatewright/proxy:next"}}`,
	`{"image":null,"podAnnotations":null}`,
}

// Kubernetes replaces one proxy after the other: each new one is ready before an old one ends, and an old one
// goes on until nobody sends to it any more.
func TestProxiesAreReplaced(t *testing.T) {
	dedicated(t).replaced(t, replacements...)
}

func TestProxiesGrowFromOneToFiveAndBack(t *testing.T) {
	served := dedicated(t)
	served.scale(t, 1)
	load := served.load()
	served.scale(t, 5)
	served.scale(t, 1)
	load.end(t, "one proxy, five, and one")
	served.scale(t, 2)
}

// One of two proxies, then the only one.
func TestProxiesAreDeleted(t *testing.T) {
	served := dedicated(t)
	served.deleted(t, served.proxies(t), "deletion of one proxy of two, twice")
	served.scale(t, 1)
	served.deleted(t, served.proxies(t), "deletion of the only proxy")
	served.scale(t, 2)
}
