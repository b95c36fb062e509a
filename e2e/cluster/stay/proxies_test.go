//go:build cluster

package stay

import (
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

// Kubernetes replaces one proxy after the other: each new one is ready before an old one ends, and an old one
// goes on until nobody sends to it any more.
func TestProxiesAreReplaced(t *testing.T) {
	address := world(t)
	for _, change := range []string{
		`{"podAnnotations":{"example.com/release":"1"}}`,
		`{"image":{"reference":"ghcr.io/gatewright/proxy:next"}}`,
		`{"image":null,"podAnnotations":null}`,
	} {
		before := proxies(t)
		load := inside.Start(plain(address))
		parameters(t, change)
		gone(t, before)
		settled(t, 2)
		load.End(t, "new proxies by "+change)
	}
}

func TestProxiesGrowFromOneToFiveAndBack(t *testing.T) {
	address := world(t)
	parameters(t, `{"replicas":1}`)
	settled(t, 1)
	load := inside.Start(plain(address))
	for _, count := range []int{5, 1} {
		parameters(t, `{"replicas":`+string(rune('0'+count))+`}`)
		settled(t, count)
	}
	load.End(t, "one proxy, five, and one")
	parameters(t, `{"replicas":2}`)
	settled(t, 2)
}

// Pods are deleted as `kubectl drain` does, one of two, then the only one.
func TestProxiesAreDeleted(t *testing.T) {
	address := world(t)
	load := inside.Start(plain(address))
	for _, pod := range proxies(t) {
		inside.Kubectl(t, "delete", "pod", "--namespace", space, pod, "--wait=false")
		gone(t, []string{pod})
		settled(t, 2)
	}
	load.End(t, "deletion of one proxy of two, twice")

	parameters(t, `{"replicas":1}`)
	settled(t, 1)
	load = inside.Start(plain(address))
	only := proxies(t)
	inside.Kubectl(t, "delete", "pod", "--namespace", space, only[0], "--wait=false")
	gone(t, only)
	settled(t, 1)
	load.End(t, "deletion of the only proxy")
	parameters(t, `{"replicas":2}`)
	settled(t, 2)
}

// gone waits until pods have ended.
func gone(t *testing.T, pods []string) {
	t.Helper()
	began := time.Now()
	for _, pod := range pods {
		inside.Gone(t, "pod", "--namespace", space, pod)
	}
	t.Logf("proxies %v ended within %s", pods, time.Since(began).Round(time.Millisecond))
}
