package node

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"gatewright.dev/e2e/cluster/internal/layout"
	"github.com/vishvananda/netlink"
)

// The node's interface is one end of a pair, because a lone bridge has no carrier, and without one
// IPv6 addresses stay unusable. Nothing listens at the other end.
const (
	nodeInterface = "eth0"
	peerInterface = "eth0-peer"
)

// sysctls of the namespace that the node needs.
var sysctls = map[string]string{
	"net/ipv4/ip_forward":              "1",
	"net/ipv6/conf/all/forwarding":     "1",
	"net/ipv6/conf/all/accept_dad":     "0",
	"net/ipv6/conf/default/accept_dad": "0",
}

// network brings up the loopback interface, and one with the node's addresses and default routes.
func network() error {
	for name, value := range sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = nodeInterface
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: peerInterface}); err != nil {
		return fmt.Errorf("adding interface %s: %w", nodeInterface, err)
	}
	for _, name := range []string{"lo", peerInterface, nodeInterface} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
	}
	link, err := netlink.LinkByName(nodeInterface)
	if err != nil {
		return err
	}
	for _, address := range []net.IPNet{
		{IP: net.ParseIP(layout.NodeIPv4), Mask: net.CIDRMask(layout.NodePrefixIPv4, 32)},
		{IP: net.ParseIP(layout.NodeIPv6), Mask: net.CIDRMask(layout.NodePrefixIPv6, 128)},
	} {
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &address}); err != nil {
			return fmt.Errorf("address %s: %w", &address, err)
		}
	}
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		_, destination, err := net.ParseCIDR(all)
		if err != nil {
			return err
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: destination}); err != nil {
			return fmt.Errorf("route %s: %w", all, err)
		}
	}
	return nil
}
