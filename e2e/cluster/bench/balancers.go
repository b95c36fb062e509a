package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// podsFrom and podsTo bound the third number of made-up pod addresses: in the pods' network, and far from those
	// that the cluster's one node gives to real pods. `cargo xtask bench aws` has them lead to this program.
	podsFrom, podsTo = 64, 255
	// podPort is where it answers the checks of load balancers.
	podPort = 8080
	// podsEach is the number of such addresses with the same third number.
	podsEach = 250
	// quiet is how long nothing is written to AWS before everything counts as made.
	quiet = 20 * time.Second
)

// manyBalancers measures a controller that keeps a load balancer of a cloud for each of many Gateways.
func manyBalancers(ctx context.Context, world *world, chosen settings) error {
	ctx, cancel := context.WithTimeout(ctx, chosen.patience)
	defer cancel()
	if most := (podsTo - podsFrom) * podsEach / 2; chosen.balancers*chosen.backends > most {
		return fmt.Errorf("--balancers %d of --backends %d: there are addresses for %d backends",
			chosen.balancers, chosen.backends, most)
	}
	if err := answerChecks(); err != nil {
		return err
	}
	if err := world.size("empty.controller", "no Gateway: controller", world.product.controller); err != nil {
		return err
	}
	before, err := world.called(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	spaces := (chosen.balancers + setsIn - 1) / setsIn
	if err := parallel(spaces, func(space int) error { return world.space(ctx, spaceOf(space*setsIn)) }); err != nil {
		return err
	}
	err = parallel(chosen.balancers, func(index int) error { return world.balanced(ctx, index, chosen.backends) })
	if err != nil {
		return err
	}
	created := time.Now()
	if err := world.allProgrammed(ctx, chosen.balancers); err != nil {
		return err
	}
	programmed := time.Now()
	made, settled, err := world.silent(ctx)
	if err != nil {
		return err
	}
	of := fmt.Sprintf("%d Gateways of %d routes", chosen.balancers, chosen.backends)
	spent := made.since(before)
	world.add("start.created", of+": making the objects took", created.Sub(begun).Seconds(), "s")
	world.add("start.programmed", "last object made to all Gateways programmed", programmed.Sub(created).Seconds(), "s")
	world.add("start.settled", "last object made to the last write to AWS", max(0, settled.Sub(created).Seconds()), "s")
	world.add("start.writes", "writes to AWS until then", float64(spent.writes), "")
	world.add("start.reads", "reads of AWS until then", float64(spent.reads), "")
	if err := world.size("start.controller", of+": controller", world.product.controller); err != nil {
		return err
	}
	if _, err := world.resting(ctx, "idle", "idle", chosen.idle); err != nil {
		return err
	}
	if chosen.look == 0 {
		return nil
	}
	spent, err = world.resting(ctx, "look", "over a look at everything", chosen.look)
	if err != nil {
		return err
	}
	if spent.reads < chosen.balancers {
		return fmt.Errorf("%d reads of AWS: no look at everything fell into %s", spent.reads, chosen.look)
	}
	return world.lookTold(ctx)
}

// resting watches the installation while nothing changes, and tells what the controller took by its end; answers what
// was called meanwhile.
func (world *world) resting(ctx context.Context, key, title string, span time.Duration) (calls, error) {
	before, err := world.called(ctx)
	if err != nil {
		return before, err
	}
	rest, err := world.idle(ctx, span)
	if err != nil {
		return before, err
	}
	after, err := world.called(ctx)
	if err != nil {
		return before, err
	}
	of := fmt.Sprintf("%s, %s", title, span)
	spent := after.since(before)
	for what, count := range spent.written {
		log.Printf("%s: %d calls of %s", title, count, what)
	}
	world.add(key+".processor", of+": controller's processor time", rest.processor, "% of a core")
	world.add(key+".objects", of+": writes of objects a minute", rest.writes, "")
	world.add(key+".events", of+": Events a minute", rest.events, "")
	world.add(key+".writes", of+": writes to AWS a minute", float64(spent.writes)/span.Minutes(), "")
	world.add(key+".reads", of+": reads of AWS a minute", float64(spent.reads)/span.Minutes(), "")
	return spent, world.size(key+".controller", of+": controller", world.product.controller)
}

// space makes a namespace.
func (world *world) space(ctx context.Context, name string) error {
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := world.core.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{})
	return err
}

// balanced makes a Gateway and its routes, each with a Service of its own.
func (world *world) balanced(ctx context.Context, index, backends int) error {
	space, name := spaceOf(index), fmt.Sprintf("edge-%d", index)
	host := name + ".bench.example"
	for backend := range backends {
		own := fmt.Sprintf("%s-%d", name, backend)
		if err := world.backend(ctx, space, own, 2*(index*backends+backend)); err != nil {
			return err
		}
		path := map[string]any{"type": "PathPrefix", "value": fmt.Sprintf("/%d", backend)}
		route := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1",
			"kind":       "HTTPRoute",
			"metadata":   map[string]any{"name": own, "namespace": space},
			"spec": map[string]any{
				"parentRefs": []any{map[string]any{"name": name}},
				"hostnames":  []any{host},
				"rules": []any{map[string]any{
					"matches":     []any{map[string]any{"path": path}},
					"backendRefs": []any{map[string]any{"name": own, "port": int64(80)}},
				}},
			},
		}}
		if _, err := world.dynamic.Resource(routes).Namespace(space).Create(ctx, route, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "Gateway",
		"metadata":   map[string]any{"name": name, "namespace": space},
		"spec": map[string]any{
			"gatewayClassName": world.settings.class,
			"listeners":        []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
		},
	}}
	_, err := world.dynamic.Resource(gateways).Namespace(space).Create(ctx, gateway, metav1.CreateOptions{})
	return err
}

// answerChecks answers whatever is asked at a made-up pod's address until the program ends: the pods are healthy.
func answerChecks() error {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", podPort))
	if err != nil {
		return err
	}
	go func() {
		err := http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		log.Printf("made-up pods answer no more: %v", err)
	}()
	return nil
}

// backend makes a Service with two addresses that no pod has. It is headless: what kube-proxy makes of ten thousand
// Services is not the question.
func (world *world) backend(ctx context.Context, space, name string, first int) error {
	meta := metav1.ObjectMeta{Name: name}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone,
		Ports:     []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(podPort)}},
	}}
	if _, err := world.core.CoreV1().Services(space).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	port, named, ready := int32(podPort), "http", true
	endpoint := func(number int) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{
			Addresses:  []string{podAddress(number)},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready},
			TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: space, Name: fmt.Sprintf("%s-6c9f7b8d4-%05d", name, number),
			},
		}
	}
	meta.Labels = map[string]string{"kubernetes.io/service-name": name}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{endpoint(first), endpoint(first + 1)},
		Ports:     []discoveryv1.EndpointPort{{Name: &named, Port: &port}},
	}
	_, err := world.core.DiscoveryV1().EndpointSlices(space).Create(ctx, slice, metav1.CreateOptions{})
	return err
}

// podAddress is a made-up pod's address.
func podAddress(number int) string {
	return fmt.Sprintf("10.244.%d.%d", podsFrom+number/podsEach, 1+number%podsEach)
}

// allProgrammed waits until so many Gateways of the class are programmed, and tells how far it is.
func (world *world) allProgrammed(ctx context.Context, count int) error {
	begun := time.Now()
	for {
		found, err := world.dynamic.Resource(gateways).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		programmed, words := 0, ""
		for _, gateway := range found.Items {
			if class, _, _ := unstructured.NestedString(gateway.Object, "spec", "gatewayClassName"); class != world.settings.class {
				continue
			}
			if status, _, _ := unstructured.NestedMap(gateway.Object, "status"); holds(status, "Programmed") {
				programmed++
			} else {
				words = gateway.GetNamespace() + "/" + gateway.GetName() + ": " + said(status, "Programmed")
			}
		}
		if programmed >= count {
			return nil
		}
		log.Printf("%d of %d Gateways are programmed after %s; %s",
			programmed, count, time.Since(begun).Round(time.Second), words)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d Gateways are programmed; %s", programmed, count, words)
		case <-time.After(5 * time.Second):
		}
	}
}

// said is what a condition's message says.
func said(of map[string]any, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(of, "conditions")
	for _, entry := range conditions {
		if condition, isMap := entry.(map[string]any); isMap && condition["type"] == kind {
			return fmt.Sprint(condition["message"])
		}
	}
	return "nothing is said"
}

// silent waits until nothing was written to AWS for a time; answers all calls until then, and when the last of these
// writes was seen.
func (world *world) silent(ctx context.Context) (calls, time.Time, error) {
	seen := time.Now()
	last, err := world.called(ctx)
	for err == nil && time.Since(seen) < quiet {
		select {
		case <-ctx.Done():
			return last, seen, fmt.Errorf("AWS is written to all the time: %d writes", last.writes)
		case <-time.After(2 * time.Second):
		}
		var now calls
		if now, err = world.called(ctx); err == nil && now.writes > last.writes {
			last, seen = now, time.Now()
		}
	}
	return last, seen, err
}

// calls of AWS so far.
type calls struct {
	reads, writes int
	// written has the writes by service and operation.
	written map[string]int
}

// called asks the simulator what was called.
func (world *world) called(ctx context.Context) (calls, error) {
	text, err := get(ctx, "http://"+world.settings.simulator+"/calls")
	if err != nil {
		return calls{}, fmt.Errorf("the simulator's calls: %w", err)
	}
	return callsIn(text)
}

func callsIn(text []byte) (calls, error) {
	found := calls{written: map[string]int{}}
	var told struct {
		Counts map[string]int `json:"counts"`
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return found, err
	}
	for what, count := range told.Counts {
		_, operation, _ := strings.Cut(what, ":")
		if reads(operation) {
			found.reads += count
		} else {
			found.writes += count
			found.written[what] = count
		}
	}
	return found, nil
}

// reads is whether an operation of AWS changes nothing.
func reads(operation string) bool {
	for _, beginning := range []string{"Describe", "Get", "List", "Assume"} {
		if strings.HasPrefix(operation, beginning) {
			return true
		}
	}
	return false
}

// since is what was called after an earlier moment.
func (now calls) since(before calls) calls {
	spent := calls{reads: now.reads - before.reads, writes: now.writes - before.writes, written: map[string]int{}}
	for what, count := range now.written {
		if more := count - before.written[what]; more > 0 {
			spent.written[what] = more
		}
	}
	return spent
}

// lookTold prints what the controller's metrics say of its last look at everything.
func (world *world) lookTold(ctx context.Context) error {
	selector := metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=gatewright-controller"}
	pods, err := world.core.CoreV1().Pods("gatewright-system").List(ctx, selector)
	if err != nil {
		return err
	}
	if len(pods.Items) != 1 {
		return fmt.Errorf("%d pods of the controller, not 1", len(pods.Items))
	}
	text, err := get(ctx, "http://"+net.JoinHostPort(pods.Items[0].Status.PodIP, "9090")+"/metrics")
	if err != nil {
		return fmt.Errorf("metrics of the controller: %w", err)
	}
	for _, metric := range []struct{ key, name, measure, unit string }{
		{"sweep.calls", "gatewright_cloud_sweep_calls", "last look at everything: calls", ""},
		{"sweep.took", "gatewright_cloud_sweep_seconds", "last look at everything took", "s"},
	} {
		value, found := gauge(string(text), metric.name, world.settings.class)
		if !found {
			return fmt.Errorf("the controller has no metric %s of %s", metric.name, world.settings.class)
		}
		world.add(metric.key, metric.measure, value, metric.unit)
	}
	return nil
}

// gauge is the value of a metric whose labels name a class's controller.
func gauge(text, name, class string) (float64, bool) {
	for line := range strings.Lines(text) {
		labels, number, found := strings.Cut(strings.TrimSpace(line), "} ")
		if !found || !strings.HasPrefix(labels, name+"{") || !strings.Contains(labels, class) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(number, &value); err == nil {
			return value, true
		}
	}
	return 0, false
}

// get asks for something, and answers its body.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}
