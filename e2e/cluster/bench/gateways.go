package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// edge is the name of the Gateway that routes are attached to.
const edge = "bench"

// birth is how long after its creation a Gateway got somewhere.
type birth struct {
	// programmed, then a proxy answers on its pod's address, its endpoint is ready, its Service's address answers.
	programmed, pod, ready, address time.Duration
}

func (world *world) create(ctx context.Context, name string) error {
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "Gateway",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"gatewayClassName": world.settings.class,
			"listeners":        []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
		},
	}}
	_, err := world.dynamic.Resource(gateways).Namespace(namespace).Create(ctx, gateway, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// gateway makes the Gateway that routes are attached to and answers its address once it serves.
func (world *world) gateway(ctx context.Context) (string, error) {
	if err := world.create(ctx, edge); err != nil {
		return "", err
	}
	return world.served(ctx, edge, 80)
}

// served answers a Gateway's address once there is an answer on a port of it.
func (world *world) served(ctx context.Context, name string, port int) (string, error) {
	address := ""
	err := until(ctx, 20*time.Millisecond, func() error {
		found, err := world.dynamic.Resource(gateways).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		address = programmed(found)
		if address == "" {
			return fmt.Errorf("Gateway %s is not programmed", name)
		}
		_, err = ask(&http.Client{Timeout: time.Second}, address, port, "nobody.bench.example")
		return err
	})
	return address, err
}

// newGateway times a Gateway from its creation on. It is answered with 404: it has no route.
func (world *world) newGateway(ctx context.Context, name string) (birth, error) {
	var born birth
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	selector := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	seen, err := world.dynamic.Resource(gateways).Namespace(namespace).Watch(ctx, selector)
	if err != nil {
		return born, err
	}
	defer seen.Stop()
	space := world.product.services
	if space == "" {
		space = namespace
	}
	services, err := world.core.CoreV1().Services(space).Watch(ctx, metav1.ListOptions{LabelSelector: world.product.label + "=" + name})
	if err != nil {
		return born, err
	}
	defer services.Stop()
	begun := time.Now()
	if err := world.create(ctx, name); err != nil {
		return born, err
	}
	failures := make(chan error, 2)
	go func() { failures <- world.endpoint(ctx, services, begun, &born) }()
	go func() {
		for event := range seen.ResultChan() {
			object, isObject := event.Object.(*unstructured.Unstructured)
			if !isObject || event.Type == watch.Deleted {
				continue
			}
			if address := programmed(object); address != "" {
				born.programmed = time.Since(begun)
				var err error
				born.address, err = answered(ctx, begun, address, 80)
				failures <- err
				return
			}
		}
		failures <- fmt.Errorf("Gateway %s was never programmed", name)
	}()
	for range 2 {
		if err := <-failures; err != nil {
			return born, err
		}
	}
	return born, world.dynamic.Resource(gateways).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// endpoint times the first pod behind a Gateway's Service: when it answers, and when it is a ready endpoint.
func (world *world) endpoint(ctx context.Context, services watch.Interface, begun time.Time, born *birth) error {
	for event := range services.ResultChan() {
		service, isService := event.Object.(*corev1.Service)
		if !isService {
			continue
		}
		namespace, name := carrier(service)
		slices, err := world.core.DiscoveryV1().EndpointSlices(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
		if err != nil {
			return err
		}
		defer slices.Stop()
		answer := make(chan error, 1)
		asked := false
		for event := range slices.ResultChan() {
			slice, isSlice := event.Object.(*discoveryv1.EndpointSlice)
			if !isSlice || slice.AddressType != discoveryv1.AddressTypeIPv4 || len(slice.Ports) == 0 {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if !asked && len(endpoint.Addresses) > 0 {
					asked = true
					go func() {
						var err error
						born.pod, err = answered(ctx, begun, endpoint.Addresses[0], int(*slice.Ports[0].Port))
						answer <- err
					}()
				}
				if ready := endpoint.Conditions.Ready; asked && ready != nil && *ready {
					born.ready = time.Since(begun)
					return <-answer
				}
			}
		}
		return fmt.Errorf("the Service %s/%s got no endpoint", namespace, name)
	}
	return fmt.Errorf("the Gateway has no Service")
}

// carrier is the Service that carries the traffic: with shared proxies the one beside the Gateway is an alias of
// it (docs/adr/0007-shared-fleet-addresses.md).
func carrier(service *corev1.Service) (namespace, name string) {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		if parts := strings.Split(service.Spec.ExternalName, "."); len(parts) > 2 {
			return parts[1], parts[0]
		}
	}
	return service.Namespace, service.Name
}

// answered is how long after begun an address answers at all.
func answered(ctx context.Context, begun time.Time, address string, port int) (time.Duration, error) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	err := until(ctx, 2*time.Millisecond, func() error {
		_, err := ask(client, address, port, "nobody.bench.example")
		return err
	})
	return time.Since(begun), err
}

// ask sends one request and answers its status.
func ask(client *http.Client, address string, port int, host string) (int, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+net.JoinHostPort(address, fmt.Sprint(port))+"/", nil)
	if err != nil {
		return 0, err
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	// Read to its end, or the connection would not serve the next request.
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, err
}

// holds is whether a condition of an object's status, or of a listener's, is true.
func holds(of map[string]any, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(of, "conditions")
	for _, entry := range conditions {
		condition, isMap := entry.(map[string]any)
		if isMap && condition["type"] == kind && condition["status"] == "True" {
			return true
		}
	}
	return false
}

// programmed is the first address of a Gateway that is programmed.
func programmed(gateway *unstructured.Unstructured) string {
	status, _, _ := unstructured.NestedMap(gateway.Object, "status")
	if !holds(status, "Programmed") {
		return ""
	}
	addresses, _, _ := unstructured.NestedSlice(status, "addresses")
	for _, entry := range addresses {
		if address, isMap := entry.(map[string]any); isMap {
			value, _ := address["value"].(string)
			return value
		}
	}
	return ""
}
