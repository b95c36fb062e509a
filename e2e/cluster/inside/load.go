package inside

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// workers and period bound the load to 200 requests a second; half of the workers keep their connections.
const (
	workers = 8
	period  = 40 * time.Millisecond
)

// Load is a bounded number of requests a second, until it is ended.
type Load struct {
	watch func(Answer) error
	stop  chan struct{}
	done  sync.WaitGroup

	mutex    sync.Mutex
	sent     int
	slowest  time.Duration
	failures []string
}

// Start begins to ask. Anything but 200 is a failure.
func Start(target Target) *Load {
	return Watch(target, func(Answer) error { return nil })
}

// Watch begins to ask, and shows each answer with status 200; an error is a failure. It calls from several
// goroutines, one at a time.
func Watch(target Target, watch func(Answer) error) *Load {
	load := &Load{watch: watch, stop: make(chan struct{})}
	for worker := range workers {
		load.done.Go(func() { load.work(&Client{Target: target, Fresh: worker%2 == 0}, worker) })
	}
	return load
}

func (load *Load) work(client *Client, worker int) {
	defer client.Close()
	// Workers take turns.
	time.Sleep(period * time.Duration(worker) / workers)
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		select {
		case <-load.stop:
			return
		case <-ticks.C:
		}
		began := time.Now()
		answer, err := client.Get()
		load.count(began, answer, err)
	}
}

func (load *Load) count(began time.Time, answer Answer, err error) {
	load.mutex.Lock()
	defer load.mutex.Unlock()
	took := time.Since(began)
	load.sent++
	load.slowest = max(load.slowest, took)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("status %d %q", answer.Status, answer.Body)
	}
	if err == nil {
		err = load.watch(answer)
	}
	if err != nil {
		load.failures = append(load.failures, fmt.Sprintf("%s after %s: %v", began.Format("15:04:05.000"), took.Round(time.Millisecond), err))
	}
}

// Sent is how many requests have been answered or have failed.
func (load *Load) Sent() int {
	load.mutex.Lock()
	defer load.mutex.Unlock()
	return load.sent
}

// End stops the load; a single failure fails the test.
func (load *Load) End(t *testing.T, what string) {
	t.Helper()
	close(load.stop)
	load.done.Wait()
	t.Logf("%s: %d requests, %d failed, slowest %s", what, load.sent, len(load.failures), load.slowest.Round(time.Millisecond))
	if load.sent < 20 {
		t.Errorf("%s: %d requests say nothing", what, load.sent)
	}
	for i, failure := range load.failures {
		if i == 10 {
			break
		}
		t.Errorf("%s: %s", what, failure)
	}
	if len(load.failures) > 0 {
		t.Log(components(t))
	}
}

// components tells how the parts of the cluster fare: requests fail, too, when one of them ends.
func components(t *testing.T) string {
	t.Helper()
	status, err := Try(t.Context(), "gwcluster", "status")
	if err != nil {
		return err.Error()
	}
	return status
}

// Answers waits until a target answers with 200.
func Answers(t *testing.T, target Target) {
	t.Helper()
	client := &Client{Target: target, Fresh: true}
	Until(t, func() error {
		answer, err := client.Get()
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("status %d", answer.Status)
		}
		return err
	})
}
