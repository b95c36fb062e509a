package supervise

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// until polls a condition; the limit is only reached by a failing test.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func shell(t *testing.T, script string) (*Process, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "logs", "p.log")
	process := New("p", []string{"sh", "-c", script}, log)
	t.Cleanup(process.Stop)
	return process, log
}

func runs(p *Process) func() bool { return func() bool { return p.Status().PID != 0 } }

func TestAProgramThatEndsComesBack(t *testing.T) {
	process, log := shell(t, "echo started; exec sleep 1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	started := func(times int) func() bool {
		return func() bool {
			text, err := os.ReadFile(log)
			return err == nil && strings.Count(string(text), "started") == times
		}
	}
	// It has a process before that has said anything.
	until(t, "it runs", started(1))
	first := process.Status().PID
	process.Signal(syscall.SIGKILL)
	until(t, "it runs again", func() bool {
		status := process.Status()
		return status.PID != 0 && status.PID != first
	})
	status := process.Status()
	if status.Restarts != 1 || status.Failure != "signal: killed" || !status.Wanted {
		t.Errorf("status %+v", status)
	}
	until(t, "both runs are in the log", started(2))
}

func TestAStoppedProgramStaysDownUntilStarted(t *testing.T) {
	process, _ := shell(t, "exec sleep 1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it runs", runs(process))
	pid := process.Status().PID
	process.Stop()
	if status := process.Status(); status.PID != 0 || status.Wanted {
		t.Errorf("after stop: %+v", status)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Error("it still runs")
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it runs again", runs(process))
}

func TestStopEndsTheWaitBetweenTwoRuns(t *testing.T) {
	process, _ := shell(t, "exit 3")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it has failed", func() bool { return process.Status().Failure == "exit status 3" })
	process.Stop()
	restarts := process.Status().Restarts
	time.Sleep(2 * firstDelay)
	if now := process.Status().Restarts; now != restarts {
		t.Errorf("%d restarts after stop", now-restarts)
	}
}

func TestRestartRunsAnotherProcess(t *testing.T) {
	process, _ := shell(t, "exec sleep 1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it runs", runs(process))
	first := process.Status().PID
	if err := process.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, "it runs again", runs(process))
	if process.Status().PID == first {
		t.Error("the same process")
	}
}

func TestAProgramThatDoesNotExistIsRefused(t *testing.T) {
	process := New("p", []string{"/nowhere/program"}, filepath.Join(t.TempDir(), "p.log"))
	if err := process.Start(); err == nil || !strings.Contains(err.Error(), "/nowhere/program") {
		t.Errorf("error %v", err)
	}
}
