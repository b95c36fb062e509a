// Package supervise keeps programs running, and stops and restarts them on request.
package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Restarts after a failure are delayed, ever longer while the program does not stay up.
const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 2 * time.Second
	stableFor  = 10 * time.Second
)

// stopGrace is how long a program may take to end by itself once asked.
const stopGrace = 5 * time.Second

// Process is one program. It runs from Start until Stop, and is started again whenever it ends in
// between. All methods may be called at the same time.
type Process struct {
	name    string
	command []string
	log     string

	// change serializes Start, Stop and Restart.
	change sync.Mutex
	mu     sync.Mutex
	state  state
}

// state of the process; guarded by Process.mu.
type state struct {
	cmd      *exec.Cmd
	stop     chan struct{} // closed to end the loop; nil while stopped
	ended    chan struct{} // closed once the loop has ended
	restarts int
	since    time.Time
	failure  string
}

// Status tells how a process fares.
type Status struct {
	Name string `json:"name"`
	// PID in the cluster's namespace; 0 while it does not run.
	PID int `json:"pid"`
	// Restarts counts starts after the first one.
	Restarts int `json:"restarts"`
	// Wanted is false after Stop.
	Wanted bool `json:"wanted"`
	// Failure is how it ended last, if it ended unasked.
	Failure string `json:"failure,omitempty"`
}

// New prepares a process that appends what it prints to the log file.
func New(name string, command []string, log string) *Process {
	return &Process{name: name, command: command, log: log}
}

// Start runs the program and keeps it running. It does nothing if it is already wanted.
func (p *Process) Start() error {
	p.change.Lock()
	defer p.change.Unlock()
	p.mu.Lock()
	running := p.state.stop != nil
	p.mu.Unlock()
	if running {
		return nil
	}
	if _, err := exec.LookPath(p.command[0]); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return err
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	p.state.stop, p.state.ended = stop, ended
	p.mu.Unlock()
	go p.keep(stop, ended)
	return nil
}

// Stop ends the program, by force if it does not end by itself in time, and leaves it down.
func (p *Process) Stop() {
	p.change.Lock()
	defer p.change.Unlock()
	p.mu.Lock()
	stop, ended := p.state.stop, p.state.ended
	p.state.stop = nil
	p.mu.Unlock()
	if stop == nil {
		return
	}
	close(stop)
	p.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopGrace):
		p.Signal(syscall.SIGKILL)
		<-ended
	}
}

// Restart ends the program and starts it again.
func (p *Process) Restart() error {
	p.Stop()
	return p.Start()
}

// Signal sends a signal to the program if it runs.
func (p *Process) Signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.cmd != nil {
		// It may just have ended; that is what was wanted.
		_ = p.state.cmd.Process.Signal(signal)
	}
}

// Status of the process now.
func (p *Process) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := Status{Name: p.name, Restarts: p.state.restarts, Wanted: p.state.stop != nil, Failure: p.state.failure}
	if p.state.cmd != nil {
		status.PID = p.state.cmd.Process.Pid
	}
	return status
}

// keep runs the program again and again until stop is closed.
func (p *Process) keep(stop, ended chan struct{}) {
	defer close(ended)
	delay := firstDelay
	for {
		began := time.Now()
		failure := p.once(stop)
		if time.Since(began) > stableFor {
			delay = firstDelay
		}
		select {
		case <-stop:
			return
		case <-time.After(delay):
		}
		p.mu.Lock()
		p.state.failure = failure
		p.mu.Unlock()
		delay = min(2*delay, lastDelay)
	}
}

// once runs the program to its end and says how it ended.
func (p *Process) once(stop chan struct{}) string {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	p.mu.Lock()
	select {
	case <-stop:
		// Stop came between two runs and had nothing to signal.
		p.mu.Unlock()
		return ""
	default:
	}
	if err := cmd.Start(); err != nil {
		p.mu.Unlock()
		return err.Error()
	}
	if !p.state.since.IsZero() {
		p.state.restarts++
	}
	p.state.cmd, p.state.since = cmd, time.Now()
	p.mu.Unlock()
	err = cmd.Wait()
	p.mu.Lock()
	p.state.cmd = nil
	p.mu.Unlock()
	if err != nil {
		return err.Error()
	}
	return "exit status 0"
}
