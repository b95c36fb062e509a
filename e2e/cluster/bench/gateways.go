package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// birth is how long after its creation a Gateway got somewhere.
type birth struct {
	programmed, pod, address time.Duration
}

func (world *world) create(ctx context.Context, name string) error {
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "Gateway",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"gatewayClassName": world.class,
			"listeners":        []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
		},
	}}
	_, err := world.dynamic.Resource(gateways).Namespace(namespace).Create(ctx, gateway, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// gateway makes a Gateway and answers its address once it serves.
func (world *world) gateway(ctx context.Context, name string) (string, error) {
	if err := world.create(ctx, name); err != nil {
		return "", err
	}
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
		_, err = ask(&http.Client{Timeout: time.Second}, address, 80, "nobody.bench.example")
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
	services, err := world.core.CoreV1().Services(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "gateway.networking.k8s.io/gateway-name=" + name})
	if err != nil {
		return born, err
	}
	defer services.Stop()
	begun := time.Now()
	if err := world.create(ctx, name); err != nil {
		return born, err
	}
	failures := make(chan error, 2)
	go func() {
		failures <- func() error {
			address, port, err := world.podAddress(ctx, services)
			if err != nil {
				return err
			}
			born.pod, err = answered(ctx, begun, address, port)
			return err
		}()
	}()
	go func() {
		failures <- func() error {
			for event := range seen.ResultChan() {
				object, isObject := event.Object.(*unstructured.Unstructured)
				if !isObject || event.Type == watch.Deleted {
					continue
				}
				if address := programmed(object); address != "" {
					born.programmed = time.Since(begun)
					born.address, err = answered(ctx, begun, address, 80)
					return err
				}
			}
			return fmt.Errorf("Gateway %s was never programmed", name)
		}()
	}()
	for range 2 {
		if err := <-failures; err != nil {
			return born, err
		}
	}
	return born, world.dynamic.Resource(gateways).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// podAddress answers where the first pod behind a Gateway's Service serves port 80.
func (world *world) podAddress(ctx context.Context, services watch.Interface) (string, int, error) {
	for event := range services.ResultChan() {
		service, isService := event.Object.(*corev1.Service)
		if !isService {
			continue
		}
		namespace, name := carrier(service)
		for {
			slices, err := world.core.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
			if err != nil {
				return "", 0, err
			}
			for _, slice := range slices.Items {
				for _, endpoint := range slice.Endpoints {
					if len(slice.Ports) > 0 && slice.AddressType == "IPv4" && len(endpoint.Addresses) > 0 {
						return endpoint.Addresses[0], int(*slice.Ports[0].Port), nil
					}
				}
			}
			select {
			case <-ctx.Done():
				return "", 0, ctx.Err()
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
	return "", 0, fmt.Errorf("the Gateway has no Service")
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
	return response.StatusCode, response.Body.Close()
}

// programmed is the first address of a Gateway that is programmed.
func programmed(gateway *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(gateway.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, isMap := entry.(map[string]any)
		if !isMap || condition["type"] != "Programmed" || condition["status"] != "True" {
			continue
		}
		addresses, _, _ := unstructured.NestedSlice(gateway.Object, "status", "addresses")
		for _, entry := range addresses {
			if address, isMap := entry.(map[string]any); isMap {
				value, _ := address["value"].(string)
				return value
			}
		}
	}
	return ""
}
