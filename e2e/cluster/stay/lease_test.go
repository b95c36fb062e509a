//go:build cluster

package stay

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

// Times of the lease, as the controller has them.
const (
	leaseDuration = 15 * time.Second
	leaseRetry    = 2 * time.Second
)

// The leader is killed and cannot give its lease back: it runs out, by the clock of those that wait, and another process
// leads. No request is lost, and changes flow again.
func TestALeaseRunsOut(t *testing.T) {
	inside.Faults(t)
	address := world(t)
	available(t, inside.System, controller)
	for range either(3, 1) {
		load := inside.Start(plain(address))
		before, transitions := lease(t)
		killed, _, _ := strings.Cut(before, "_")
		if killed == "" {
			t.Fatal("nobody leads")
		}
		if _, err := inside.Try(t.Context(), "gwcluster", "kill-pod", inside.System+"/"+killed); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		after := before
		for after == before {
			if time.Since(began) > inside.Limit {
				t.Fatalf("%s still holds the lease", before)
			}
			time.Sleep(50 * time.Millisecond)
			after, _ = lease(t)
		}
		took := time.Since(began)
		// Nobody gave it back: an empty holder would have been taken within one attempt.
		if after == "" {
			t.Fatal("the lease was given back, by a process that was killed")
		}
		// It was renewed at most one attempt before the kill, and others saw that at most one attempt later.
		if least, most := leaseDuration-2*leaseRetry, leaseDuration+3*leaseRetry; took < least || took > most {
			t.Errorf("another process leads after %s, expected between %s and %s", took, least, most)
		}
		if _, now := lease(t); now != transitions+1 {
			t.Errorf("the lease counts %d transitions after %d", now, transitions)
		}
		next, _, _ := strings.Cut(after, "_")
		t.Logf("the lease of a killed leader ran out: another process leads after %s (pod %s after %s)",
			took.Round(100*time.Millisecond), next, killed)
		reaches(t, edge{space, address})
		t.Logf("changes reach the proxies again %s after the kill", time.Since(began).Round(100*time.Millisecond))
		available(t, inside.System, controller)
		load.End(t, "a lease that ran out")
	}
}

// lease is the whole identity that holds the lease, which is new with each process, and how often it changed hands.
func lease(t *testing.T) (holder string, transitions int) {
	t.Helper()
	found := inside.Field(t, "{.spec.leaseTransitions} {.spec.holderIdentity}", "--namespace", inside.System, "lease", controller)
	count, holder, _ := strings.Cut(found, " ")
	transitions, err := strconv.Atoi(count)
	if err != nil {
		t.Fatalf("lease %q: %v", found, err)
	}
	return holder, transitions
}
