package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	v1 "k8s.io/api/core/v1"
)

// proc_pid_stat(5): field 2 is the name in parentheses, field 3 the state, field 22 the start time.
func TestTheStartTimeIsReadPastAnyName(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 98765 20 21"
	for _, name := range []string{"(init)", "(a b)", "(a) b)", "(1 S 2)"} {
		if began, err := parseStartTime("7 " + name + rest); err != nil || began != 98765 {
			t.Errorf("%s: %d, %v", name, began, err)
		}
	}
	for _, text := range []string{"", "7 (init", "7 (init) S 1 2", "7 (init)" + strings.Replace(rest, "S", "Z", 1)} {
		if began, err := parseStartTime(text); err == nil {
			t.Errorf("%q: %d", text, began)
		}
	}
}

func TestAHandleIsOfOneProcessOnly(t *testing.T) {
	cluster, err := layout.New(t.TempDir(), "handle")
	if err != nil {
		t.Fatal(err)
	}
	if _, alive, err := Find(cluster); err != nil || alive {
		t.Errorf("before: alive %t, %v", alive, err)
	}
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- sleep.Wait() }()
	handle, err := NewHandle(sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cluster.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := handle.Save(cluster); err != nil {
		t.Fatal(err)
	}
	if found, alive, err := Find(cluster); err != nil || !alive || found != handle {
		t.Errorf("found %v, alive %t, %v", found, alive, err)
	}
	other := Handle{PID: handle.PID, Began: handle.Began + 1}
	if other.Alive() {
		t.Error("a later process of the same number counts")
	}
	if err := other.Kill(time.Second); err != nil {
		t.Error(err)
	}
	if !handle.Alive() {
		t.Fatal("killed though it is another process")
	}
	if err := handle.Kill(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	<-waited
	if _, alive, err := Find(cluster); err != nil || alive {
		t.Errorf("after: alive %t, %v", alive, err)
	}
}

func TestHierarchiesOfBothVersionsAreFound(t *testing.T) {
	got := parseHierarchies(`23 28 0:22 / /proc rw,nosuid shared:5 - proc proc rw
30 24 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw master:1 shared:10 - cgroup cgroup rw,cpu,cpuacct
32 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 24 0:29 / /sys/fs/cgroup/unified ro,nosuid - cgroup2 cgroup2 rw,nsdelegate
broken`)
	want := []hierarchy{
		{"/sys/fs/cgroup/memory", "cgroup", "memory"},
		{"/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"},
		{"/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd"},
		{"/sys/fs/cgroup/unified", "cgroup2", ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestGroupsAreRemovedFromTheInside(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "top/pod/container"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left
		if err := removeGroups(filepath.Join(root, "top")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "top")); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	for _, name := range []string{"", "/", "//"} {
		if err := RemoveCgroups(name, time.Second); err == nil {
			t.Errorf("%q would remove every group of the machine", name)
		}
	}
}

func TestANodeIsReadyWithoutTaints(t *testing.T) {
	ready := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue}
	down := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionFalse, Reason: "KubeletNotReady", Message: "no network"}
	taint := v1.Taint{Key: v1.TaintNodeNotReady, Effect: v1.TaintEffectNoSchedule}
	for want, node := range map[string]*v1.Node{
		"":                                   {Status: v1.NodeStatus{Conditions: []v1.NodeCondition{ready}}},
		"KubeletNotReady: no network":        {Status: v1.NodeStatus{Conditions: []v1.NodeCondition{down}}},
		"taint node.kubernetes.io/not-ready": {Spec: v1.NodeSpec{Taints: []v1.Taint{taint}}, Status: v1.NodeStatus{Conditions: []v1.NodeCondition{ready}}},
		errNotYet.Error():                    {},
	} {
		got := ""
		if err := nodeReady(node); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSettingsComeBackAsSaved(t *testing.T) {
	cluster, err := layout.New(t.TempDir(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cluster.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	saved := Settings{Kube: "/k", CNIDir: "/c", PodNetwork: "/p", Bundles: []string{"/b"}, Archives: []string{"/a.tar"}, DNSImage: "dns:v1"}
	if err := saved.Save(cluster); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(cluster)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Kube != saved.Kube || loaded.PodNetwork != saved.PodNetwork || loaded.DNSImage != saved.DNSImage || len(loaded.Archives) != 1 || len(loaded.Bundles) != 1 {
		t.Errorf("got %+v", loaded)
	}
}
