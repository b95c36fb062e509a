// Package layout says where a cluster keeps its files, and what its addresses are. Every cluster
// has a folder and a network namespace of its own, so the addresses are the same for all.
package layout

import (
	"fmt"
	"path/filepath"
	"regexp"
)

// Addresses inside the namespace of a cluster.
const (
	// NodeName is the name of the only node.
	NodeName = "node"
	// NodeIPv4 and NodeIPv6 are the node's addresses; the API server listens there on port 6443.
	NodeIPv4 = "172.30.0.1"
	NodeIPv6 = "fd30::1"
	// NodePrefixIPv4 and NodePrefixIPv6 are the prefix lengths that go with them.
	NodePrefixIPv4 = 24
	NodePrefixIPv6 = 64
	// PodsIPv4 and PodsIPv6 hold the addresses of pods.
	PodsIPv4 = "10.244.0.0/16"
	PodsIPv6 = "fd44::/64"
	// ServicesIPv4 and ServicesIPv6 hold the cluster addresses of Services.
	ServicesIPv4 = "10.96.0.0/16"
	ServicesIPv6 = "fd96::/112"
	// APIServiceIP is the address of the Service `kubernetes`, the first of ServicesIPv4.
	APIServiceIP = "10.96.0.1"
	// DNSIP is the address of the cluster's DNS server.
	DNSIP = "10.96.0.10"
	// BalancersIPv4 and BalancersIPv6 hold the addresses of Services of type LoadBalancer. Of
	// BalancersIPv4, the addresses from 200 up are given only to Services that ask for them.
	BalancersIPv4 = "172.30.1.0/24"
	BalancersIPv6 = "fd31::/120"
	// BalancersStaticFrom is the last byte of the first address given only on request.
	BalancersStaticFrom = 200
	// UsableAddress can be asked for by a Service of type LoadBalancer; UnusableAddress cannot.
	UsableAddress   = "172.30.1.200"
	UnusableAddress = "198.51.100.1"
	// APIPort is the port of the API server.
	APIPort = 6443
	// ClusterDomain ends the DNS names of Services.
	ClusterDomain = "cluster.local"
)

// maxSocketPath is the longest path of a Unix socket that Linux takes (sun_path less its NUL).
const maxSocketPath = 107

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Cluster is the folder of one cluster; its methods are the paths of what lies in it.
type Cluster struct {
	// Name of the cluster, a DNS label of at most 32 characters.
	Name string
	// Dir is the cluster's own folder.
	Dir string
}

// New returns the layout of the named cluster below root. It fails for a name that is no short
// DNS label, and for a folder so deep that a socket in it has no valid path.
func New(root, name string) (Cluster, error) {
	if !namePattern.MatchString(name) {
		return Cluster{}, fmt.Errorf("cluster name %q: want at most 32 of a-z, 0-9 and '-', starting and ending with a letter or digit", name)
	}
	dir, err := filepath.Abs(filepath.Join(root, name))
	if err != nil {
		return Cluster{}, err
	}
	cluster := Cluster{Name: name, Dir: dir}
	if len(cluster.ControlSocket()) > maxSocketPath {
		return Cluster{}, fmt.Errorf("the path %s is longer than the %d characters of a socket; choose a shorter cache folder", cluster.ControlSocket(), maxSocketPath)
	}
	return cluster, nil
}

// Path joins elements to the cluster's folder.
func (c Cluster) Path(elements ...string) string {
	return filepath.Join(append([]string{c.Dir}, elements...)...)
}

// ControlSocket is where the supervisor answers.
func (c Cluster) ControlSocket() string { return c.Path("control.sock") }

// StateFile records the process that holds the namespaces.
func (c Cluster) StateFile() string { return c.Path("state.json") }

// SettingsFile records what `up` was asked for.
func (c Cluster) SettingsFile() string { return c.Path("settings.json") }

// Kubeconfig of the administrator; it works inside the namespaces.
func (c Cluster) Kubeconfig() string { return c.Path("kubeconfig") }

// PKI is the folder of keys and certificates.
func (c Cluster) PKI(file string) string { return c.Path("pki", file) }

// Config is the folder of the components' configuration files.
func (c Cluster) Config(file string) string { return c.Path("config", file) }

// Log is the log of one component.
func (c Cluster) Log(component string) string { return c.Path("logs", component+".log") }

// AuditLog is the API server's record of requests, one JSON object a line.
func (c Cluster) AuditLog() string { return c.Log("audit") }

// Cgroup is the path, below each hierarchy's root, of the control group that holds the cluster.
func (c Cluster) Cgroup() string { return "/gatewright-" + c.Name }
