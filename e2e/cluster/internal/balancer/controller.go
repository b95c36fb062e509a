package balancer

import (
	"context"
	"log"
	"net/netip"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// retryAfter is the delay before a failed write is tried again.
const retryAfter = 200 * time.Millisecond

type controller struct {
	client   kubernetes.Interface
	services listers.ServiceLister
	recorder record.EventRecorder
	changed  chan struct{}
	pools    *pools
	told     map[string]string // the last refusal that was told, by Service
}

// Start runs the balancer in the background until the context ends. It returns once its view of
// the Services is complete.
func Start(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()
	controller := &controller{
		client:   client,
		services: services.Lister(),
		recorder: recorder(ctx, client),
		changed:  make(chan struct{}, 1),
		pools:    defaultPools(),
		told:     map[string]string{},
	}
	if _, err := services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { controller.wake() },
		UpdateFunc: func(any, any) { controller.wake() },
		DeleteFunc: func(any) { controller.wake() },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go controller.run(ctx)
	return nil
}

func recorder(ctx context.Context, client kubernetes.Interface) record.EventRecorder {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "load-balancer"})
}

func (c *controller) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *controller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		if err := c.sync(ctx); err != nil {
			if !apierrors.IsConflict(err) {
				log.Printf("load balancer: %v", err)
			}
			time.AfterFunc(retryAfter, c.wake)
		}
	}
}

// sync writes the status of every Service whose addresses change.
func (c *controller) sync(ctx context.Context) error {
	services, err := c.services.List(labels.Everything())
	if err != nil {
		return err
	}
	assigned, refused := c.pools.assign(services)
	var failure error
	for _, service := range services {
		c.tell(service, refused[key(service)])
		if !wants(service) {
			continue
		}
		if err := c.write(ctx, service, assigned[key(service)]); err != nil {
			failure = err
		}
	}
	return failure
}

func (c *controller) write(ctx context.Context, service *v1.Service, addresses []netip.Addr) error {
	status := v1.LoadBalancerStatus{}
	mode := v1.LoadBalancerIPModeVIP
	for _, address := range addresses {
		status.Ingress = append(status.Ingress, v1.LoadBalancerIngress{IP: address.String(), IPMode: &mode})
	}
	if equality.Semantic.DeepEqual(status, service.Status.LoadBalancer) {
		return nil
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer = status
	_, err := c.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// tell records once why a Service gets no address.
func (c *controller) tell(service *v1.Service, reason error) {
	if reason == nil {
		delete(c.told, key(service))
		return
	}
	if c.told[key(service)] != reason.Error() {
		c.told[key(service)] = reason.Error()
		c.recorder.Event(service, v1.EventTypeWarning, "AllocationFailed", reason.Error())
	}
}
