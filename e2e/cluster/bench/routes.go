package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// latencies of routes, and answers that were neither 404 nor 200.
type latencies struct {
	found  []time.Duration
	errors int
	// early is how many of the errors came with the first routes.
	early int
}

func (all latencies) mean() time.Duration {
	var sum time.Duration
	for _, one := range all.found {
		sum += one
	}
	return sum / time.Duration(max(1, len(all.found)))
}

// at is the value that so many percent do not exceed.
func (all latencies) at(percent int) time.Duration {
	if len(all.found) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all.found))
	return sorted[(len(sorted)-1)*percent/100]
}

// propagation adds routes one by one and asks for each until it is served. Until then only 404 is right.
func (world *world) propagation(ctx context.Context, address, of string, count int) (latencies, error) {
	var all latencies
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	api := world.dynamic.Resource(routes).Namespace(namespace)
	for index := range count {
		name := fmt.Sprintf("%s-%d", of, index)
		if _, err := api.Create(ctx, world.route(name, edge, of), metav1.CreateOptions{}); err != nil {
			return all, err
		}
		begun := time.Now()
		for {
			status, err := ask(client, address, 80, name+".bench.example")
			if err == nil && status == http.StatusOK {
				break
			}
			if err != nil || status != http.StatusNotFound {
				if all.errors++; all.errors <= 10 {
					log.Printf("route %s after %s: status %d, error %v", name, time.Since(begun), status, err)
				}
				if index < world.settings.compare {
					all.early++
				}
			}
			if time.Since(begun) > time.Minute {
				return all, fmt.Errorf("route %s is not served: status %d, error %v", name, status, err)
			}
			time.Sleep(500 * time.Microsecond)
		}
		all.found = append(all.found, time.Since(begun))
	}
	return all, nil
}

// attachment is what happened while many routes were attached.
type attachment struct {
	settled                    time.Duration
	routeWrites, gatewayWrites int
}

// attach creates routes as fast as the API server takes them, and waits until the Gateway counts them.
func (world *world) attach(ctx context.Context, of string, count int) (attachment, error) {
	var all attachment
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// The Gateway's own count may still be on its way to what the routes are.
	existing, err := world.dynamic.Resource(routes).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return all, err
	}
	wanted := int64(len(existing.Items) + count)
	before, err := world.writes(ctx)
	if err != nil {
		return all, err
	}
	if err := world.createAll(ctx, of, count); err != nil {
		return all, err
	}
	begun := time.Now()
	err = until(ctx, 5*time.Millisecond, func() error {
		found, err := world.attached(ctx)
		if err == nil && found != wanted {
			err = fmt.Errorf("%d routes are attached, not %d", found, wanted)
		}
		return err
	})
	all.settled = time.Since(begun)
	// Writes that still come belong to the same work.
	time.Sleep(3 * time.Second)
	after, failed := world.writes(ctx)
	all.routeWrites = after["httproutes/status"] - before["httproutes/status"]
	all.gatewayWrites = after["gateways/status"] - before["gateways/status"]
	return all, errors.Join(err, failed)
}

func (world *world) createAll(ctx context.Context, of string, count int) error {
	return parallel(count, func(index int) error {
		route := world.route(fmt.Sprintf("%s-%d", of, index), edge, of)
		_, err := world.dynamic.Resource(routes).Namespace(namespace).Create(ctx, route, metav1.CreateOptions{})
		return err
	})
}

// parallel does a number of things, eight at a time, and answers the first error; a worker ends with its own.
func parallel(count int, do func(index int) error) error {
	const workers = 8
	failures := make(chan error, workers)
	for worker := range workers {
		go func() {
			for index := worker; index < count; index += workers {
				if err := do(index); err != nil {
					failures <- err
					return
				}
			}
			failures <- nil
		}()
	}
	var first error
	for range workers {
		if err := <-failures; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// attached is the number of routes that the Gateway counts.
func (world *world) attached(ctx context.Context) (int64, error) {
	gateway, err := world.dynamic.Resource(gateways).Namespace(namespace).Get(ctx, edge, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	listeners, _, err := unstructured.NestedSlice(gateway.Object, "status", "listeners")
	if err != nil || len(listeners) == 0 {
		return 0, err
	}
	listener, isMap := listeners[0].(map[string]any)
	if !isMap {
		return 0, fmt.Errorf("status.listeners[0] is no object")
	}
	count, _, err := unstructured.NestedInt64(listener, "attachedRoutes")
	return count, err
}
