package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// setsIn is the number of ListenerSets in a namespace, as in gateway-api-bench.
	setsIn = 50
	// patience of the part with ListenerSets.
	patience = 20 * time.Minute
	// wide is the Gateway that the ListenerSets belong to.
	wide = "sets"
)

var listenerSets = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "listenersets"}

// manySets is gateway-api-bench's listenerset-load: each ListenerSet has one HTTPS listener with a hostname of its
// own, and routes with a path each; a certificate and a Service for each namespace.
func manySets(ctx context.Context, world *world, chosen settings) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := world.anew(ctx); err != nil {
		return err
	}
	address, err := world.served(ctx, wide, 80)
	if err != nil {
		return err
	}
	backend, err := world.backendAddress(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	err = parallel((chosen.sets+setsIn-1)/setsIn, func(space int) error {
		return world.setSpace(ctx, space, backend)
	})
	if err != nil {
		return err
	}
	if err := parallel(chosen.sets, func(set int) error { return world.set(ctx, set, chosen.inSet) }); err != nil {
		return err
	}
	created := time.Now()
	if err := world.converged(ctx, chosen.sets, chosen.inSet); err != nil {
		return err
	}
	counted := time.Now()
	for set := 0; set < chosen.sets; set += setsIn {
		if err := world.setAnswers(ctx, address, set, chosen.inSet-1); err != nil {
			return err
		}
	}
	title := fmt.Sprintf("%d routes over %d ListenerSets", chosen.sets*chosen.inSet, chosen.sets)
	world.add("sets.created", title+": creating them took", created.Sub(begun).Seconds(), "s")
	world.add("sets.converged", title+": last created to all counted", counted.Sub(created).Seconds(), "s")
	time.Sleep(10 * time.Second)
	return world.sizes("sets", title)
}

// anew replaces the Gateway before by one for ListenerSets, and all proxies by new ones: what they took before is
// not counted.
func (world *world) anew(ctx context.Context) error {
	api := world.dynamic.Resource(gateways).Namespace(namespace)
	if err := api.Delete(ctx, edge, metav1.DeleteOptions{}); err != nil && !errors.IsNotFound(err) {
		return err
	}
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "Gateway",
		"metadata":   map[string]any{"name": wide, "namespace": namespace},
		"spec": map[string]any{
			"gatewayClassName": world.settings.class,
			"listeners":        []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
			"allowedListeners": map[string]any{"namespaces": map[string]any{"from": "All"}},
		},
	}}
	if _, err := api.Create(ctx, gateway, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	pods, err := world.core.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=gatewright-proxy"})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if err := world.core.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil && !errors.IsNotFound(err) {
			return err
		}
	}
	return until(ctx, 100*time.Millisecond, func() error {
		for _, pod := range pods.Items {
			_, err := world.core.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			if err == nil {
				return fmt.Errorf("the proxy %s/%s still ends", pod.Namespace, pod.Name)
			} else if !errors.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
}

// backendAddress is the address of the echo server's pod.
func (world *world) backendAddress(ctx context.Context) (string, error) {
	pods, err := world.core.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=echo"})
	if err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		if pod.Status.PodIP != "" {
			return pod.Status.PodIP, nil
		}
	}
	return "", fmt.Errorf("the backend has no address")
}

func spaceOf(set int) string { return fmt.Sprintf("%s-%d", namespace, set/setsIn) }

func hostOf(set int) string {
	return fmt.Sprintf("set-%d.space-%d.bench.example", set, set/setsIn)
}

// setSpace makes a namespace with a certificate and a Service that leads to the echo server.
func (world *world) setSpace(ctx context.Context, index int, backend string) error {
	name := spaceOf(index * setsIn)
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := world.core.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil {
		return err
	}
	secret, err := certificate(fmt.Sprintf("*.space-%d.bench.example", index))
	if err != nil {
		return err
	}
	if _, err := world.core.CoreV1().Secrets(name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Name: "web"}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	if _, err := world.core.CoreV1().Services(name).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	port, unnamed, ready := int32(3000), "", true
	meta.Labels = map[string]string{"kubernetes.io/service-name": "web"}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{backend}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:     []discoveryv1.EndpointPort{{Name: &unnamed, Port: &port}},
	}
	_, err = world.core.DiscoveryV1().EndpointSlices(name).Create(ctx, slice, metav1.CreateOptions{})
	return err
}

// set makes a ListenerSet and its routes.
func (world *world) set(ctx context.Context, index, count int) error {
	space, name := spaceOf(index), fmt.Sprintf("set-%d", index)
	set := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "ListenerSet",
		"metadata":   map[string]any{"name": name, "namespace": space},
		"spec": map[string]any{
			"parentRef": map[string]any{"name": wide, "namespace": namespace},
			"listeners": []any{map[string]any{
				"name": "https", "hostname": hostOf(index), "port": int64(443), "protocol": "HTTPS",
				"tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "certificate"}}},
			}},
		},
	}}
	if _, err := world.dynamic.Resource(listenerSets).Namespace(space).Create(ctx, set, metav1.CreateOptions{}); err != nil {
		return err
	}
	for route := range count {
		path := map[string]any{"type": "PathPrefix", "value": fmt.Sprintf("/%d", route)}
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1",
			"kind":       "HTTPRoute",
			"metadata":   map[string]any{"name": fmt.Sprintf("%s-%d", name, route), "namespace": space},
			"spec": map[string]any{
				"parentRefs": []any{map[string]any{"name": name, "kind": "ListenerSet", "group": "gateway.networking.k8s.io"}},
				"hostnames":  []any{hostOf(index)},
				"rules": []any{map[string]any{
					"matches":     []any{map[string]any{"path": path}},
					"backendRefs": []any{map[string]any{"name": "web", "port": int64(80)}},
				}},
			},
		}}
		if _, err := world.dynamic.Resource(routes).Namespace(space).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// converged waits until each ListenerSet is programmed and counts all its routes. A watch is begun again when it
// ends; it tells what is there first.
func (world *world) converged(ctx context.Context, sets, inSet int) error {
	whole := map[string]bool{}
	for ctx.Err() == nil {
		seen, err := world.dynamic.Resource(listenerSets).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for event := range seen.ResultChan() {
			object, isObject := event.Object.(*unstructured.Unstructured)
			if !isObject {
				continue
			}
			if name := object.GetNamespace() + "/" + object.GetName(); complete(object, int64(inSet)) {
				whole[name] = true
			} else {
				delete(whole, name)
			}
			if len(whole) == sets {
				seen.Stop()
				return nil
			}
		}
	}
	return fmt.Errorf("%d of %d ListenerSets are programmed with all their routes", len(whole), sets)
}

// complete is whether a ListenerSet's only listener is programmed and counts so many routes.
func complete(set *unstructured.Unstructured, count int64) bool {
	listeners, _, _ := unstructured.NestedSlice(set.Object, "status", "listeners")
	if len(listeners) != 1 {
		return false
	}
	listener, isMap := listeners[0].(map[string]any)
	if !isMap {
		return false
	}
	attached, _, _ := unstructured.NestedInt64(listener, "attachedRoutes")
	return attached == count && holds(listener, "Programmed")
}

// setAnswers waits until a route of a ListenerSet answers with 200 over TLS.
func (world *world) setAnswers(ctx context.Context, address string, set, route int) error {
	dialer := &net.Dialer{}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		// The certificate is of the namespace's own making: who answers is not the question.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort(address, "443"))
		},
	}}
	return until(ctx, 100*time.Millisecond, func() error {
		response, err := client.Get(fmt.Sprintf("https://%s/%d", hostOf(set), route))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s/%d answers %d", hostOf(set), route, response.StatusCode)
		}
		if closed := response.Body.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// certificate is a Secret with a new key and a certificate of a hostname.
func certificate(host string) (*corev1.Secret, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "certificate"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{
			"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
			"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		},
	}, nil
}
