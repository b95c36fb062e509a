package balancer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// service makes one of type LoadBalancer, created so many seconds after the first.
func service(name string, age int, change ...func(*v1.Service)) *v1.Service {
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: name,
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, age, 0, time.UTC)),
		},
		Spec: v1.ServiceSpec{Type: v1.ServiceTypeLoadBalancer, IPFamilies: []v1.IPFamily{v1.IPv4Protocol}},
	}
	for _, each := range change {
		each(service)
	}
	return service
}

func wish(addresses string) func(*v1.Service) {
	return func(s *v1.Service) { s.Spec.LoadBalancerIP = addresses }
}

func has(addresses ...string) func(*v1.Service) {
	return func(s *v1.Service) {
		for _, address := range addresses {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, v1.LoadBalancerIngress{IP: address})
		}
	}
}

func dual(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol, v1.IPv4Protocol} }

func class(name string) func(*v1.Service) {
	return func(s *v1.Service) { s.Spec.LoadBalancerClass = &name }
}

// check assigns and compares `name=addresses` and `name!reason` with what came out.
func check(t *testing.T, services []*v1.Service, want ...string) {
	t.Helper()
	assigned, refused := defaultPools().assign(services)
	var got []string
	for _, service := range services {
		var texts []string
		for _, address := range assigned[key(service)] {
			texts = append(texts, address.String())
		}
		entry := service.Name + "=" + strings.Join(texts, ",")
		if reason := refused[key(service)]; reason != nil {
			entry += "!" + reason.Error()
		}
		got = append(got, entry)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAddressesAreGivenByAgeAndFamily(t *testing.T) {
	check(t, []*v1.Service{service("young", 2), service("old", 1, dual)},
		"young=172.30.1.2", "old=fd31::1,172.30.1.1")
}

func TestOnlyOurServicesGetAddresses(t *testing.T) {
	other := service("cluster", 1, func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeClusterIP })
	now := metav1.Now()
	leaving := service("leaving", 2, has("172.30.1.1"), func(s *v1.Service) { s.DeletionTimestamp = &now })
	check(t, []*v1.Service{other, leaving, service("foreign", 3, class("example.com/other")), service("ours", 4, class(Class))},
		"cluster=", "leaving=", "foreign=", "ours=172.30.1.1")
}

func TestAServiceKeepsItsAddress(t *testing.T) {
	check(t, []*v1.Service{service("a", 1), service("b", 2, has("172.30.1.1"))},
		"a=172.30.1.2", "b=172.30.1.1")
	// After a change of families the address of the other one goes.
	check(t, []*v1.Service{service("c", 1, has("172.30.1.7", "fd31::7"))}, "c=172.30.1.7")
	// What no pool holds any more is not kept.
	check(t, []*v1.Service{service("d", 1, has("192.0.2.1"))}, "d=172.30.1.1")
	// Of two that claim the same address, the older one has it.
	check(t, []*v1.Service{service("e", 2, has("172.30.1.1")), service("f", 1, has("172.30.1.1"))},
		"e=172.30.1.2", "f=172.30.1.1")
}

func TestRequestsAreGrantedInThePoolsOnly(t *testing.T) {
	check(t, []*v1.Service{
		service("static", 1, wish("172.30.1.200")),
		service("both", 2, dual, wish("172.30.1.201, fd31::c9")),
		service("outside", 3, wish("198.51.100.1")),
		service("partly", 4, wish("172.30.1.202,198.51.100.1")),
		service("again", 5, wish("172.30.1.200")),
		service("broken", 6, wish("x")),
	},
		"static=172.30.1.200",
		"both=172.30.1.201,fd31::c9",
		"outside=!address 198.51.100.1 is in neither 172.30.1.0/24 nor fd31::/120",
		"partly=!address 198.51.100.1 is in neither 172.30.1.0/24 nor fd31::/120",
		"again=!address 172.30.1.200 is in use by Service ns/static",
		`broken=!spec.loadBalancerIP: ParseAddr("x"): unable to parse IP`,
	)
}

func TestARequestReplacesTheAddressAServiceHas(t *testing.T) {
	check(t, []*v1.Service{service("a", 1, has("172.30.1.1"), wish("172.30.1.200"))}, "a=172.30.1.200")
	check(t, []*v1.Service{service("b", 1, has("172.30.1.200"))}, "b=172.30.1.1")
}

func TestTheUpperPartOfThePoolIsGivenOnRequestOnly(t *testing.T) {
	var services []*v1.Service
	for i := range 200 {
		services = append(services, service(fmt.Sprintf("s%03d", i), i))
	}
	assigned, refused := defaultPools().assign(services)
	if got := assigned["ns/s198"]; len(got) != 1 || got[0] != netip.MustParseAddr("172.30.1.199") {
		t.Errorf("the last one gets %v", got)
	}
	if reason := refused["ns/s199"]; reason == nil || reason.Error() != "no free IPv4 address is left" {
		t.Errorf("one too many: %v", reason)
	}
}

func TestAnAddressGivenBackIsGivenAgainOnlyAfterAllOthers(t *testing.T) {
	pools := defaultPools()
	address := func(service *v1.Service) string {
		assigned, _ := pools.assign([]*v1.Service{service})
		return fmt.Sprint(assigned[key(service)])
	}
	first := service("a", 1)
	first.UID = "first"
	if got := address(first); got != "[172.30.1.1]" {
		t.Errorf("the first one gets %s", got)
	}
	// Its status was not written yet when the next look is taken.
	if got := address(first); got != "[172.30.1.1]" {
		t.Errorf("before its status says so, it gets %s", got)
	}
	for i := 2; i < 200; i++ {
		next := service("a", i)
		next.UID = types.UID(fmt.Sprint(i))
		if got, want := address(next), fmt.Sprintf("[172.30.1.%d]", i); got != want {
			t.Fatalf("another one of the same name gets %s, want %s", got, want)
		}
	}
	if got := address(service("a", 200)); got != "[172.30.1.1]" {
		t.Errorf("after all of them, it gets %s", got)
	}
	if len(pools.chosen) != 1 {
		t.Errorf("what was chosen for Services that are gone is kept: %v", pools.chosen)
	}
}
