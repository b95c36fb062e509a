// Program bench measures a running installation from inside its cluster: how soon routes and Gateways serve
// traffic, how often statuses are written, and what controller and proxies take.
//
// `cargo xtask bench cluster` builds it, starts a cluster and runs it there.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

// settings of a run.
type settings struct {
	class  string
	probes int
	attach int
	load   int
	idle   time.Duration
}

// result is one line of the report.
type result struct {
	Measure string `json:"measure"`
	Value   string `json:"value"`
	Target  string `json:"target,omitempty"`
}

func main() {
	var chosen settings
	flag.StringVar(&chosen.class, "class", "gatewright", "GatewayClass to measure")
	flag.IntVar(&chosen.probes, "probes", 3000, "routes added one by one")
	flag.IntVar(&chosen.attach, "attach", 1000, "routes attached at once")
	flag.IntVar(&chosen.load, "load", 5000, "routes that lie there for the measurements under load")
	flag.DurationVar(&chosen.idle, "idle", 60*time.Second, "how long an idle installation is watched")
	flag.Parse()
	world, err := newWorld(chosen.class)
	if err != nil {
		log.Fatal(err)
	}
	results, err := measure(context.Background(), world, chosen)
	encoder := json.NewEncoder(os.Stdout)
	for _, found := range results {
		if err := encoder.Encode(found); err != nil {
			log.Fatal(err)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measure runs everything in the order in which one part does not disturb the next.
func measure(ctx context.Context, world *world, chosen settings) ([]result, error) {
	var results []result
	add := func(measure, target, format string, values ...any) {
		found := result{Measure: measure, Target: target, Value: fmt.Sprintf(format, values...)}
		log.Printf("%s: %s (%s)", found.Measure, found.Value, found.Target)
		results = append(results, found)
	}
	if err := world.prepare(ctx); err != nil {
		return results, err
	}
	// The first Gateway of a class with shared proxies waits for these; every other finds them.
	address, err := world.gateway(ctx, "bench")
	if err != nil {
		return results, err
	}
	fresh, err := world.newGateway(ctx, "fresh")
	if err != nil {
		return results, fmt.Errorf("a new Gateway: %w", err)
	}
	add("new Gateway to Programmed", "", "%s", milliseconds(fresh.programmed))
	add("new Gateway until its proxies answer on their pod's address", "dedicated < 3 s, shared < 150 ms", "%s", milliseconds(fresh.pod))
	add("new Gateway until its Service's address answers", "measured", "%s", milliseconds(fresh.address))

	probe, err := world.propagation(ctx, address, "probe", chosen.probes)
	if err != nil {
		return results, fmt.Errorf("propagation: %w", err)
	}
	add(fmt.Sprintf("route propagation, %d routes one by one", chosen.probes), "mean < 10 ms, max < 60 ms, 0 errors", "%s", probe)
	if err := world.clear(ctx, "probe"); err != nil {
		return results, err
	}

	attached, err := world.attach(ctx, "attach", chosen.attach)
	if err != nil {
		return results, fmt.Errorf("attaching: %w", err)
	}
	add(fmt.Sprintf("%d routes at once: last created to right count", chosen.attach), "< 1 s", "%s", milliseconds(attached.settled))
	add("status writes meanwhile, routes", fmt.Sprintf("<= %d", chosen.attach*105/100), "%d", attached.routeWrites)
	add("status writes meanwhile, Gateway", "<= 60", "%d", attached.gatewayWrites)
	if err := world.clear(ctx, "attach"); err != nil {
		return results, err
	}

	if _, err := world.attach(ctx, "load", chosen.load); err != nil {
		return results, fmt.Errorf("load: %w", err)
	}
	under, err := world.propagation(ctx, address, "probe", chosen.probes/10)
	if err != nil {
		return results, fmt.Errorf("propagation under load: %w", err)
	}
	add(fmt.Sprintf("route propagation on top of %d routes", chosen.load), "mean < 12 ms", "%s", under)
	if err := world.clear(ctx, "probe"); err != nil {
		return results, err
	}
	idle, err := world.idle(ctx, chosen.idle)
	if err != nil {
		return results, fmt.Errorf("idle: %w", err)
	}
	add(fmt.Sprintf("%d routes: largest proxy", chosen.load), "<= 40 MiB", "%.1f MiB", idle.proxy)
	add(fmt.Sprintf("%d routes: controller", chosen.load), "<= 150 MiB", "%.1f MiB", idle.controller)
	add(fmt.Sprintf("%d routes: controller's processor time, idle", chosen.load), "< 1 % of a core", "%.2f %%", idle.processor)
	add(fmt.Sprintf("%d routes: writes a minute, idle", chosen.load), "0", "%.1f", idle.writes)
	return results, world.finish(ctx)
}

func milliseconds(duration time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(duration.Microseconds())/1000)
}
