package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"gatewright.dev/e2e/cluster/internal/layout"
	"golang.org/x/sys/unix"
)

// Handle names the process that holds a cluster's namespaces. A process number alone may be used
// again by another process; together with the start time it is unique until the machine restarts.
type Handle struct {
	PID int `json:"pid"`
	// Began is the start time in ticks since the machine started.
	Began uint64 `json:"began"`
}

// NewHandle describes a running process.
func NewHandle(pid int) (Handle, error) {
	began, err := startTime(pid)
	return Handle{PID: pid, Began: began}, err
}

// Save records the handle in the cluster's folder.
func (h Handle) Save(cluster layout.Cluster) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(cluster.StateFile(), text, 0o644)
}

// Find returns the handle of a cluster, and whether it runs. A cluster that was never made is none
// that runs.
func Find(cluster layout.Cluster) (Handle, bool, error) {
	text, err := os.ReadFile(cluster.StateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return Handle{}, false, nil
	}
	if err != nil {
		return Handle{}, false, err
	}
	var handle Handle
	if err := json.Unmarshal(text, &handle); err != nil {
		return Handle{}, false, fmt.Errorf("%s: %w", cluster.StateFile(), err)
	}
	return handle, handle.Alive(), nil
}

// Alive is true while the process runs.
func (h Handle) Alive() bool {
	began, err := startTime(h.PID)
	return err == nil && began == h.Began
}

// Kill ends the process, and with it everything in its namespaces, and waits until it has ended. The
// last of the others may take a moment longer.
func (h Handle) Kill(limit time.Duration) error {
	if !h.Alive() {
		return nil
	}
	if err := unix.Kill(h.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(limit); h.Alive(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d did not end within %s", h.PID, limit)
		}
	}
	return nil
}

// startTime reads the start time of a process that has not ended (a zombie has).
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	return parseStartTime(string(text))
}

// parseStartTime takes field 22 of /proc/PID/stat (proc_pid_stat(5)). The second field is the
// program's name in parentheses and may hold any character.
func parseStartTime(stat string) (uint64, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("no process status")
	}
	fields := strings.Fields(stat[end+1:])
	const state, startTime = 0, 19
	if len(fields) <= startTime {
		return 0, errors.New("no process status")
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return 0, errors.New("the process has ended")
	}
	return strconv.ParseUint(fields[startTime], 10, 64)
}

// Client talks to a cluster's supervisor.
type Client struct{ http *http.Client }

// NewClient returns a client of the cluster's control socket.
func NewClient(cluster layout.Cluster) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", cluster.ControlSocket())
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 30 * time.Second}}
}

// Status asks how the cluster fares.
func (c *Client) Status(ctx context.Context) (Report, error) {
	var report Report
	body, err := c.do(ctx, http.MethodGet, "/status")
	if err != nil {
		return report, err
	}
	return report, json.Unmarshal(body, &report)
}

// Act has an action carried out on a component: restart, kill, stop or start.
func (c *Client) Act(ctx context.Context, component, action string) error {
	_, err := c.do(ctx, http.MethodPost, "/components/"+component+"/"+action)
	return err
}

func (c *Client) do(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://cluster"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", bytes.TrimSpace(body))
	}
	return body, nil
}
