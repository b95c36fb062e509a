// Program bench measures a running installation from inside its cluster: how soon routes and Gateways serve
// traffic, how often statuses are written, and what controller and proxies take.
//
// `cargo xtask bench cluster` builds it, starts a cluster and runs it there. It prints each figure as it is
// measured, one JSON object a line; a part that fails is such a line too, and the next part runs.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"
)

// settings of a run.
type settings struct {
	product, class  string
	gateways        int
	probes, compare int
	attach          int
	load, steady    int
	sets, inSet     int
	// balancers of so many backends each, in a simulated cloud whose admin API is at simulator.
	balancers, backends int
	simulator           string
	idle, look          time.Duration
	patience            time.Duration
}

// figure is one line of output.
type figure struct {
	// Key is the same for every installation.
	Key     string  `json:"key"`
	Measure string  `json:"measure"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
}

// failure is the line of a part that did not come to its end.
type failure struct {
	Part   string `json:"part"`
	Failed string `json:"failed"`
}

// part of the measurements.
type part struct {
	name string
	run  func(context.Context, *world, settings) error
	// asked is whether it runs only when it is named: it takes an installation of its own.
	asked bool
}

// parts in the order in which one does not disturb the next.
var parts = []part{
	{name: "gateways", run: newGateways},
	{name: "routes", run: oneByOne},
	{name: "attach", run: atOnce},
	{name: "load", run: underLoad},
	{name: "steady", run: steadily},
	{name: "sets", run: manySets},
	{name: "balancers", run: manyBalancers, asked: true},
}

func main() {
	var chosen settings
	var only string
	flag.StringVar(&chosen.product, "product", "gatewright", "what is installed")
	flag.StringVar(&chosen.class, "class", "gatewright", "GatewayClass to measure")
	flag.StringVar(&only, "parts", "", "run only these parts, separated by commas")
	flag.IntVar(&chosen.gateways, "gateways", 5, "new Gateways, one by one")
	flag.IntVar(&chosen.probes, "probes", 3000, "routes added one by one")
	flag.IntVar(&chosen.compare, "compare", 300, "of them the first, told apart too")
	flag.IntVar(&chosen.attach, "attach", 1000, "routes attached at once")
	flag.IntVar(&chosen.load, "load", 5000, "routes that lie there for the measurements under load")
	flag.IntVar(&chosen.steady, "steady", 10000, "routes of a steady world")
	flag.IntVar(&chosen.sets, "sets", 2500, "ListenerSets")
	flag.IntVar(&chosen.inSet, "in-set", 16, "routes of each ListenerSet")
	flag.IntVar(&chosen.balancers, "balancers", 1000, "Gateways with a load balancer each in a cloud")
	flag.IntVar(&chosen.backends, "backends", 10, "routes of each of them, with a backend each")
	flag.StringVar(&chosen.simulator, "simulator", "", "host and port of the simulated cloud's admin API")
	flag.DurationVar(&chosen.look, "look", 12*time.Minute, "how long that controller is watched over a look at everything; 0 leaves it out")
	flag.DurationVar(&chosen.patience, "patience", 3*time.Hour, "how long all of that may take")
	flag.DurationVar(&chosen.idle, "idle", 60*time.Second, "how long an idle installation is watched")
	flag.Parse()
	chosen.compare = min(chosen.compare, chosen.probes)
	world, err := newWorld(chosen)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := world.prepare(ctx); err != nil {
		log.Fatal(err)
	}
	failed := false
	for _, part := range parts {
		if named := slices.Contains(strings.Split(only, ","), part.name); !named && (only != "" || part.asked) {
			continue
		}
		begun := time.Now()
		err := part.run(ctx, world, chosen)
		if err != nil {
			failed = true
			world.print(failure{Part: part.name, Failed: err.Error()})
		}
		log.Printf("part %s took %s", part.name, time.Since(begun).Round(time.Second))
		// What a part leaves would count in the next.
		if err := world.clearAll(ctx); err != nil {
			log.Fatal(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func (world *world) print(line any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

// add prints a figure.
func (world *world) add(key, measure string, value float64, unit string) {
	world.print(figure{Key: key, Measure: measure, Value: value, Unit: unit})
}

// took prints a figure in milliseconds.
func (world *world) took(key, measure string, value time.Duration) {
	world.add(key, measure, float64(value.Microseconds())/1000, "ms")
}

// tell prints latencies.
func (world *world) tell(key, measure string, all latencies) {
	if len(all.found) == 0 {
		return
	}
	world.took(key+".mean", measure+": mean", all.mean())
	world.took(key+".median", measure+": median", all.at(50))
	world.took(key+".p99", measure+": p99", all.at(99))
	world.took(key+".max", measure+": max", all.at(100))
	world.add(key+".errors", measure+": answers other than 404 and 200", float64(all.errors), "")
}

func newGateways(ctx context.Context, world *world, chosen settings) error {
	// The first Gateway of a class with shared proxies waits for these; every other finds them.
	if _, err := world.gateway(ctx); err != nil {
		return err
	}
	var programmed, pod, ready, address latencies
	for index := range chosen.gateways {
		born, err := world.newGateway(ctx, fmt.Sprintf("fresh-%d", index))
		if err != nil {
			return err
		}
		programmed.found = append(programmed.found, born.programmed)
		pod.found = append(pod.found, born.pod)
		ready.found = append(ready.found, born.address-born.ready)
		address.found = append(address.found, born.address)
	}
	of := fmt.Sprintf(" (median of %d)", chosen.gateways)
	world.took("gateway.programmed", "new Gateway to Programmed"+of, programmed.at(50))
	world.took("gateway.pod", "new Gateway until its proxies answer on their pod's address"+of, pod.at(50))
	world.took("gateway.address", "new Gateway until its Service's address answers"+of, address.at(50))
	world.took("gateway.service", "of that after the EndpointSlice is ready: kube-proxy"+of, ready.at(50))
	return nil
}

func oneByOne(ctx context.Context, world *world, chosen settings) error {
	address, err := world.gateway(ctx)
	if err != nil {
		return err
	}
	all, err := world.propagation(ctx, address, "probe", chosen.probes)
	first := latencies{found: all.found[:min(chosen.compare, len(all.found))], errors: all.early}
	if chosen.compare < chosen.probes {
		world.tell("first", fmt.Sprintf("route propagation, the first %d routes", len(first.found)), first)
		world.tell("route", fmt.Sprintf("route propagation, %d routes one by one", len(all.found)), all)
	} else {
		world.tell("first", fmt.Sprintf("route propagation, the first %d routes", len(all.found)), all)
	}
	return err
}

func atOnce(ctx context.Context, world *world, chosen settings) error {
	address, err := world.gateway(ctx)
	if err != nil {
		return err
	}
	attached, err := world.attach(ctx, "attach", chosen.attach)
	if err != nil {
		return err
	}
	world.took("attach.settled", fmt.Sprintf("%d routes at once: last created to right count", chosen.attach), attached.settled)
	world.add("attach.routes", "status writes meanwhile: routes", float64(attached.routeWrites), "")
	world.add("attach.gateway", "status writes meanwhile: Gateway", float64(attached.gatewayWrites), "")
	under, err := world.propagation(ctx, address, "probe", chosen.attach/10)
	world.tell("attached", fmt.Sprintf("%d routes one by one on top of %d", len(under.found), chosen.attach), under)
	if err != nil {
		return err
	}
	return world.sizes("attach", fmt.Sprintf("%d routes", chosen.attach))
}

func underLoad(ctx context.Context, world *world, chosen settings) error {
	address, err := world.gateway(ctx)
	if err != nil {
		return err
	}
	if _, err := world.attach(ctx, "load", chosen.load); err != nil {
		return err
	}
	under, err := world.propagation(ctx, address, "probe", chosen.load/20)
	world.tell("loaded", fmt.Sprintf("%d routes one by one on top of %d", len(under.found), chosen.load), under)
	if err != nil {
		return err
	}
	if err := world.clear(ctx, "probe"); err != nil {
		return err
	}
	idle, err := world.idle(ctx, chosen.idle)
	if err != nil {
		return err
	}
	if err := world.sizes("load", fmt.Sprintf("%d routes", chosen.load)); err != nil {
		return err
	}
	world.add("load.processor", fmt.Sprintf("%d routes: controller's processor time, idle", chosen.load), idle.processor, "% of a core")
	world.add("load.writes", fmt.Sprintf("%d routes: writes a minute, idle", chosen.load), idle.writes, "")
	world.add("load.events", fmt.Sprintf("%d routes: Events a minute, idle", chosen.load), idle.events, "")
	return nil
}

func steadily(ctx context.Context, world *world, chosen settings) error {
	if _, err := world.gateway(ctx); err != nil {
		return err
	}
	if _, err := world.attach(ctx, "steady", chosen.steady); err != nil {
		return err
	}
	idle, err := world.idle(ctx, chosen.idle)
	if err != nil {
		return err
	}
	world.add("steady.writes", fmt.Sprintf("%d routes, steady: writes a minute", chosen.steady), idle.writes, "")
	world.add("steady.events", fmt.Sprintf("%d routes, steady: Events a minute", chosen.steady), idle.events, "")
	return world.sizes("steady", fmt.Sprintf("%d routes", chosen.steady))
}
