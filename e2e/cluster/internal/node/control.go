package node

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"gatewright.dev/e2e/cluster/internal/supervise"
	"golang.org/x/sys/unix"
)

// Report is how far a cluster is.
type Report struct {
	// Started is when the supervisor started.
	Started time.Time `json:"started"`
	// Phase under way; empty once all is done.
	Phase string `json:"phase,omitempty"`
	// Phases that are done, in order.
	Phases []Phase `json:"phases"`
	// Ready is true once pods and Services work.
	Ready bool `json:"ready"`
	// Seconds from start to ready, or to the failure.
	Seconds float64 `json:"seconds"`
	// Error that kept the cluster from coming up.
	Error string `json:"error,omitempty"`
	// Components and how they fare.
	Components []supervise.Status `json:"components"`
}

// Phase is one step of the start.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// serve answers on the control socket until the context ends:
//
//	GET  /status                        the Report
//	POST /components/{name}/{action}    restart, kill (it comes back), stop, start
func (n *node) serve(ctx context.Context) error {
	socket := n.cluster.ControlSocket()
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A caller that went away needs no answer.
		_ = json.NewEncoder(w).Encode(n.status())
	})
	mux.HandleFunc("POST /components/{name}/{action}", n.act)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (n *node) status() Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	report := n.report
	report.Components = make([]supervise.Status, 0, len(n.order))
	for _, name := range n.order {
		report.Components = append(report.Components, n.processes[name].Status())
	}
	return report
}

func (n *node) act(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	process, known := n.processes[r.PathValue("name")]
	n.mu.Unlock()
	if !known {
		http.Error(w, "there is no component "+r.PathValue("name"), http.StatusNotFound)
		return
	}
	var err error
	switch r.PathValue("action") {
	case "restart":
		err = process.Restart()
	case "kill":
		process.Signal(unix.SIGKILL)
	case "stop":
		process.Stop()
	case "start":
		err = process.Start()
	default:
		http.Error(w, "there is no action "+r.PathValue("action"), http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
