// Package balancer gives addresses to Services of type LoadBalancer, as a cloud or MetalLB does.
// kube-proxy then brings their traffic to the pods.
package balancer

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"

	"gatewright.dev/e2e/cluster/internal/layout"
	v1 "k8s.io/api/core/v1"
)

// Class is the load balancer class served beside none at all.
const Class = "gatewright.dev/cluster"

// pools by family. The first and last IPv4 addresses are left alone.
//
// An address that was given back is given again only after all others: nodes remember connections to it for
// minutes (conntrack), and a new one from the same port would be sent to a pod of the Service that had it before.
type pools struct {
	ipv4, ipv6 netip.Prefix
	last       map[v1.IPFamily]netip.Addr // the address chosen last
	chosen     map[string][]netip.Addr    // what was chosen for a Service, by its identity: its status may not say so yet
}

func defaultPools() *pools {
	return &pools{
		ipv4: netip.MustParsePrefix(layout.BalancersIPv4), ipv6: netip.MustParsePrefix(layout.BalancersIPv6),
		last: map[v1.IPFamily]netip.Addr{}, chosen: map[string][]netip.Addr{},
	}
}

// identity tells a Service apart from another one that had its name before.
func identity(service *v1.Service) string {
	return string(service.UID) + "/" + key(service)
}

// wants is true for a Service that this balancer is to serve.
func wants(service *v1.Service) bool {
	return service.Spec.Type == v1.ServiceTypeLoadBalancer && service.DeletionTimestamp == nil &&
		(service.Spec.LoadBalancerClass == nil || *service.Spec.LoadBalancerClass == Class)
}

// assign returns the addresses of every Service that gets some, by namespace and name. A Service
// keeps the addresses it has; requests come before free choice, older Services before younger.
// Refused tells why a Service gets none of what it asks for.
func (p *pools) assign(services []*v1.Service) (assigned map[string][]netip.Addr, refused map[string]error) {
	services = append([]*v1.Service(nil), services...)
	sort.Slice(services, func(i, j int) bool {
		a, b := services[i], services[j]
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return key(a) < key(b)
	})
	assigned, refused = map[string][]netip.Addr{}, map[string]error{}
	taken := map[netip.Addr]string{}
	take := func(service *v1.Service, address netip.Addr) {
		taken[address] = key(service)
		assigned[key(service)] = append(assigned[key(service)], address)
	}
	p.forget(services)
	// What is in use stays with whom it is.
	for _, service := range services {
		have := current(service)
		if len(have) == 0 {
			have = p.chosen[identity(service)]
		}
		for _, address := range have {
			if wants(service) && p.keeps(service, address) && taken[address] == "" {
				take(service, address)
			}
		}
	}
	for _, service := range services {
		if !wants(service) {
			continue
		}
		wished, err := requested(service)
		if err == nil {
			err = p.grant(service, wished, taken, take)
		}
		if err != nil {
			refused[key(service)] = err
		}
	}
	for _, service := range services {
		if wants(service) && service.Spec.LoadBalancerIP == "" && refused[key(service)] == nil {
			if err := p.choose(service, taken, assigned[key(service)], take); err != nil {
				refused[key(service)] = err
			}
		}
	}
	return assigned, refused
}

// forget drops what was chosen for Services that are gone.
func (p *pools) forget(services []*v1.Service) {
	there := map[string]bool{}
	for _, service := range services {
		there[identity(service)] = true
	}
	for identity := range p.chosen {
		if !there[identity] {
			delete(p.chosen, identity)
		}
	}
}

// grant gives the requested addresses, all or none.
func (p *pools) grant(service *v1.Service, wished []netip.Addr, taken map[netip.Addr]string, take func(*v1.Service, netip.Addr)) error {
	for _, address := range wished {
		if !p.ipv4.Contains(address) && !p.ipv6.Contains(address) {
			return fmt.Errorf("address %s is in neither %s nor %s", address, p.ipv4, p.ipv6)
		}
		if owner := taken[address]; owner != "" && owner != key(service) {
			return fmt.Errorf("address %s is in use by Service %s", address, owner)
		}
	}
	for _, address := range wished {
		if taken[address] == "" {
			take(service, address)
		}
	}
	return nil
}

// choose gives an address of each of the Service's families that has none yet.
func (p *pools) choose(service *v1.Service, taken map[netip.Addr]string, have []netip.Addr, take func(*v1.Service, netip.Addr)) error {
	for _, family := range families(service) {
		if hasFamily(have, family) {
			continue
		}
		address, found := p.free(family, taken)
		if !found {
			return fmt.Errorf("no free %s address is left", family)
		}
		p.last[family] = address
		take(service, address)
		have = append(have, address)
	}
	p.chosen[identity(service)] = have
	return nil
}

// keeps is true if the Service may go on using an address it has.
func (p *pools) keeps(service *v1.Service, address netip.Addr) bool {
	if !p.ipv4.Contains(address) && !p.ipv6.Contains(address) {
		return false
	}
	family := v1.IPv4Protocol
	if address.Is6() {
		family = v1.IPv6Protocol
	}
	served := false
	for _, each := range families(service) {
		served = served || each == family
	}
	wished, err := requested(service)
	if err != nil || !served {
		return false
	}
	if len(wished) == 0 {
		return !p.onRequest(address)
	}
	for _, wish := range wished {
		if wish == address {
			return true
		}
	}
	return false
}

// free finds the next address of a family that nobody has, after the one chosen last.
func (p *pools) free(family v1.IPFamily, taken map[netip.Addr]string) (netip.Addr, bool) {
	pool := p.ipv4
	if family == v1.IPv6Protocol {
		pool = p.ipv6
	}
	first := pool.Addr().Next()
	chosen := func(address netip.Addr) bool { return pool.Contains(address) && !p.onRequest(address) }
	address := first
	if last, known := p.last[family]; known && chosen(last.Next()) {
		address = last.Next()
	}
	for begun := address; ; {
		if taken[address] == "" {
			return address, true
		}
		if address = address.Next(); !chosen(address) {
			address = first
		}
		if address == begun {
			break
		}
	}
	return netip.Addr{}, false
}

// onRequest is true for addresses that only a request gets.
func (p *pools) onRequest(address netip.Addr) bool {
	bytes := address.AsSlice()
	return bytes[len(bytes)-1] >= layout.BalancersStaticFrom
}

// requested parses spec.loadBalancerIP: one address, or several separated by commas.
func requested(service *v1.Service) ([]netip.Addr, error) {
	if service.Spec.LoadBalancerIP == "" {
		return nil, nil
	}
	var addresses []netip.Addr
	for _, text := range strings.Split(service.Spec.LoadBalancerIP, ",") {
		address, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("spec.loadBalancerIP: %w", err)
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func current(service *v1.Service) []netip.Addr {
	var addresses []netip.Addr
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

func families(service *v1.Service) []v1.IPFamily {
	if len(service.Spec.IPFamilies) == 0 {
		return []v1.IPFamily{v1.IPv4Protocol}
	}
	return service.Spec.IPFamilies
}

func hasFamily(addresses []netip.Addr, family v1.IPFamily) bool {
	for _, address := range addresses {
		if address.Is6() == (family == v1.IPv6Protocol) {
			return true
		}
	}
	return false
}

func key(service *v1.Service) string { return service.Namespace + "/" + service.Name }
