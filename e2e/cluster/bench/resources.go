package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ticks a second of the kernel's accounting (USER_HZ).
const ticks = 100

// rest is what an idle installation takes.
type rest struct {
	// MiB resident.
	proxy, controller float64
	// Percent of a core.
	processor float64
	// Writes to Gateways and routes a minute.
	writes float64
}

// idle watches the installation while nothing changes.
func (world *world) idle(ctx context.Context, span time.Duration) (rest, error) {
	var found rest
	// What came before has to settle.
	time.Sleep(10 * time.Second)
	controllers, err := processes("controller")
	if err != nil {
		return found, err
	}
	proxies, err := processes("proxy")
	if err != nil {
		return found, err
	}
	if len(controllers) == 0 || len(proxies) == 0 {
		return found, fmt.Errorf("%d controllers and %d proxies run", len(controllers), len(proxies))
	}
	routesSeen, err := world.dynamic.Resource(routes).Namespace(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: "0", SendInitialEvents: nil})
	if err != nil {
		return found, err
	}
	gatewaysSeen, err := world.dynamic.Resource(gateways).Namespace(namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return found, err
	}
	counts := make(chan int, 2)
	go func() { counts <- modified(routesSeen) }()
	go func() { counts <- modified(gatewaysSeen) }()
	before, err := processor(controllers)
	if err != nil {
		return found, err
	}
	time.Sleep(span)
	after, err := processor(controllers)
	if err != nil {
		return found, err
	}
	routesSeen.Stop()
	gatewaysSeen.Stop()
	found.writes = float64(<-counts+<-counts) / span.Minutes()
	found.processor = float64(after-before) / ticks / span.Seconds() * 100
	if found.proxy, err = largest(proxies); err != nil {
		return found, err
	}
	found.controller, err = largest(controllers)
	return found, err
}

// processes of this cluster that run a command of gatewright.
func processes(command string) ([]string, error) {
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
		arguments := strings.Split(string(line), "\x00")
		if len(arguments) > 1 && filepath.Base(arguments[0]) == "gatewright" && arguments[1] == command {
			found = append(found, folder)
		}
	}
	return found, nil
}

// largest resident set in MiB.
func largest(folders []string) (float64, error) {
	most := 0.0
	for _, folder := range folders {
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
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
