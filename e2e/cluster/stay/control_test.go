//go:build cluster

package stay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
)

const controller = "gatewright-controller"

// Without any controller proxies go on, one that is killed comes back with what it had, and once there are
// controllers again changes flow.
func TestTheControllerIsAway(t *testing.T) {
	inside.Faults(t)
	address := world(t)
	load := inside.Start(plain(address))
	inside.Kubectl(t, append([]string{"delete", "pod", "--namespace", inside.System, "--grace-period=0", "--force"}, controllers(t)...)...)
	inside.Kubectl(t, "scale", "--namespace", inside.System, "deployment", controller, "--replicas=0")
	inside.Gone(t, "pods", "--namespace", inside.System, "--selector=app.kubernetes.io/name="+controller)
	time.Sleep(either(time.Minute, 10*time.Second))
	load.End(t, "no controller")

	// A crash loses what is under way, whatever the rest does: nothing is asked meanwhile.
	crashed := own.proxies(t)[0]
	if _, err := inside.Try(t.Context(), "gwcluster", "kill-pod", space+"/"+crashed); err != nil {
		t.Fatal(err)
	}
	inside.Until(t, func() error {
		const path = "{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}"
		if found := inside.Field(t, path, "--namespace", space, "pod", crashed); found != "1 true" {
			return fmt.Errorf("restarts, ready: %s", found)
		}
		return nil
	})
	own.settled(t, 2)

	load = inside.Start(plain(address))
	inside.Kubectl(t, "scale", "--namespace", inside.System, "deployment", controller, "--replicas=2")
	available(t, inside.System, controller)
	reaches(t, edge{space, address})
	load.End(t, "new controllers")
}

// The leader ends, with and without giving its lease back.
func TestAnotherControllerLeads(t *testing.T) {
	served := dedicated(t)
	for _, how := range leaves {
		served.led(t, how)
	}
}

// leaves are the ways in which a leader is deleted: in order, and by force.
var leaves = [][]string{{"--wait=false"}, {"--grace-period=0", "--force"}}

// led has another controller lead, under load.
func (served served) led(t *testing.T, how []string) {
	t.Helper()
	load := served.load()
	before := leader(t)
	inside.Kubectl(t, append([]string{"delete", "pod", "--namespace", inside.System, before}, how...)...)
	began := time.Now()
	for leader(t) == before || leader(t) == "" {
		if time.Since(began) > inside.Limit {
			t.Fatalf("%s still leads", before)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("another one leads after %s (%s)", time.Since(began).Round(100*time.Millisecond), strings.Join(how, " "))
	for _, edge := range served.edges {
		reaches(t, edge)
	}
	available(t, inside.System, controller)
	load.end(t, "another leader")
}

func leader(t *testing.T) string {
	t.Helper()
	// The pod, and a part that is new with each process.
	pod, _, _ := strings.Cut(inside.Field(t, "{.spec.holderIdentity}", "--namespace", inside.System, "lease", controller), "_")
	return pod
}

// The parts of the control plane restart: nothing is lost, and changes flow again afterwards.
func TestTheControlPlaneRestarts(t *testing.T) {
	inside.Faults(t)
	address := world(t)
	for _, name := range []string{"kube-apiserver", "etcd"} {
		load := inside.Start(plain(address))
		for range either(3, 1) {
			component(t, name)
			reaches(t, edge{space, address})
		}
		load.End(t, "restart of "+name)
		own.settled(t, 2)
	}
}
