package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks a second of the kernel's accounting (USER_HZ).
const ticks = 100

// rest is what an idle installation does.
type rest struct {
	// Percent of a core that the controllers take.
	processor float64
	// Writes to any object but Events a minute.
	writes float64
	// Writes of Events of our API group a minute.
	events float64
}

// idle watches the installation while nothing changes.
func (world *world) idle(ctx context.Context, span time.Duration) (rest, error) {
	var found rest
	// What came before has to settle.
	time.Sleep(10 * time.Second)
	controllers, err := processes(world.product.controller)
	if err != nil {
		return found, err
	}
	writesBefore, err := world.writes(ctx)
	if err != nil {
		return found, err
	}
	before, err := processor(controllers)
	if err != nil {
		return found, err
	}
	time.Sleep(span)
	after, err := processor(controllers)
	if err != nil {
		return found, err
	}
	writesAfter, err := world.writes(ctx)
	if err != nil {
		return found, err
	}
	count := 0
	for what, number := range writesAfter {
		more := number - writesBefore[what]
		if more <= 0 {
			continue
		}
		fmt.Fprintf(os.Stderr, "idle: %d writes of %s\n", more, what)
		if what == events {
			found.events = float64(more) / span.Minutes()
		} else {
			count += more
		}
	}
	found.writes = float64(count) / span.Minutes()
	found.processor = float64(after-before) / ticks / span.Seconds() * 100
	return found, nil
}

// events are those of events.k8s.io, which is what our controller writes. Kubelets and the cluster's own controllers write
// those of the core group, whatever is installed. The scheduler shares ours, and is silent while no pod is new.
const events = "events.events.k8s.io"

// heartbeats are written all the time whatever is installed: leases, the node's own state and what is asked or
// told in the form of a write.
var heartbeats = map[string]bool{
	"leases": true, "events": true, "nodes": true, "nodes/status": true, "serviceaccounts/token": true,
	"tokenreviews": true, "subjectaccessreviews": true, "selfsubjectaccessreviews": true,
}

// writes counts the writing requests that the API server has answered with success so far, by resource and
// subresource. Unlike a watch this shows writes that change nothing, too.
func (world *world) writes(ctx context.Context) (map[string]int, error) {
	text, err := world.core.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("metrics of the API server: %w", err)
	}
	return writesIn(text), nil
}

func writesIn(text []byte) map[string]int {
	counts := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, isCount := strings.CutPrefix(lines.Text(), "apiserver_request_total{")
		if !isCount {
			continue
		}
		labels, number, _ := strings.Cut(rest, "} ")
		what := label(labels, "resource")
		if what == "events" && label(labels, "group") == "events.k8s.io" {
			what = events
		}
		if part := label(labels, "subresource"); part != "" {
			what += "/" + part
		}
		switch label(labels, "verb") {
		case "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION":
		default:
			continue
		}
		if heartbeats[what] || !strings.HasPrefix(label(labels, "code"), "2") {
			continue
		}
		count, err := strconv.ParseFloat(number, 64)
		if err == nil {
			counts[what] += int(count)
		}
	}
	return counts
}

// label is one label's value in Prometheus' text format.
func label(labels, name string) string {
	_, rest, _ := strings.Cut(","+labels, ","+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// sizes prints what controller and proxies take.
func (world *world) sizes(key, of string) error {
	if err := world.size(key+".proxy", of+": largest proxy", world.product.proxy); err != nil {
		return err
	}
	return world.size(key+".controller", of+": controller", world.product.controller)
}

// size prints what the largest process of a kind takes now, and at most took.
func (world *world) size(key, title string, line []string) error {
	found, err := processes(line)
	if err != nil {
		return err
	}
	for _, field := range []struct{ name, key, title string }{
		{"VmRSS", "", ""}, {"VmHWM", ".peak", ", at most so far"},
	} {
		size, err := largest(found, field.name)
		if err != nil {
			return err
		}
		world.add(key+field.key, title+field.title, size, "MiB")
	}
	return nil
}

// processes of this cluster whose command line begins so; it is an error if there is none.
func processes(beginning []string) ([]string, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, folder := range folders {
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil {
			continue
		}
		if runs(strings.Split(string(line), "\x00"), beginning) {
			found = append(found, folder)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no process runs %s", strings.Join(beginning, " "))
	}
	return found, nil
}

// largest value in MiB of a field of the processes' status. One that has ended meanwhile does not count.
func largest(folders []string, field string) (float64, error) {
	most := 0.0
	for _, folder := range folders {
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil {
			continue
		}
		_, rest, found := strings.Cut(string(status), field+":")
		if !found {
			continue // It ends.
		}
		size, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		kib, err := strconv.ParseFloat(size, 64)
		if err != nil {
			return 0, err
		}
		most = max(most, kib/1024)
	}
	return most, nil
}

// processor time of processes, in ticks.
func processor(folders []string) (int64, error) {
	var sum int64
	for _, folder := range folders {
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			return 0, err
		}
		// The name, which may hold anything, ends with the last parenthesis; user and system time are 14th and 15th.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			value, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += value
		}
	}
	return sum, nil
}
