// Package node is what runs inside the namespaces of a cluster: the first process, the mounts and
// interfaces of the node, and the supervisor that brings up the components and answers `up`.
package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	"golang.org/x/sys/unix"
)

// Spawn starts a program as the first process of new network, mount and process namespaces, in a
// session of its own, with its output appended to the log. When that process ends, the kernel ends
// every other one in there, and takes down the mounts and interfaces.
func Spawn(command []string, log *os.File, bound Bound) (*os.Process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
	}
	if bound == ToCaller {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) {
			return nil, fmt.Errorf("cannot make namespaces: %w; a cluster takes root with CAP_SYS_ADMIN and CAP_NET_ADMIN", err)
		}
		return nil, fmt.Errorf("cannot make namespaces: %w", err)
	}
	return cmd.Process, nil
}

// Bound says how long namespaces live.
type Bound int

const (
	// Detached namespaces live until their first process is killed.
	Detached Bound = iota
	// ToCaller namespaces end with the thread that made them.
	ToCaller
)

// Init is the first process: it starts the supervisor, takes over orphans (containerd's shims
// become its children), and ends when the supervisor does.
func Init(cluster layout.Cluster, supervisor []string) error {
	// The namespace of control groups is entered by one thread, from which the supervisor starts.
	runtime.LockOSThread()
	// Mounts made here must not appear on the machine, nor unmounts there be held up by copies.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := enterCgroup(cluster.Cgroup()); err != nil {
		return err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	child, err := syscall.ForkExec(supervisor[0], supervisor, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	go func() {
		for range signals {
			_ = unix.Kill(child, unix.SIGTERM)
		}
	}()
	return reap(child)
}

// reap waits for every child until the given one has ended.
func reap(child int) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			time.Sleep(10 * time.Millisecond)
		case pid == child && status.Exited() && status.ExitStatus() == 0:
			return nil
		case pid == child && status.Exited():
			return fmt.Errorf("the supervisor ended with status %d", status.ExitStatus())
		case pid == child && status.Signaled():
			return fmt.Errorf("the supervisor was ended by %s", status.Signal())
		}
	}
}
