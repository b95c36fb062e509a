package pki

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"

	"gatewright.dev/e2e/cluster/internal/layout"
)

// Users of the API server: the file that holds each one's certificate, and the user and groups it
// names. Kubernetes' default RBAC rules bind these.
var users = map[string]Subject{
	"admin":              {CommonName: "kubernetes-admin", Organizations: []string{"system:masters"}},
	"controller-manager": {CommonName: "system:kube-controller-manager"},
	"scheduler":          {CommonName: "system:kube-scheduler"},
	"proxy":              {CommonName: "system:kube-proxy"},
	"kubelet":            {CommonName: "system:node:" + layout.NodeName, Organizations: []string{"system:nodes"}},
	"apiserver-kubelet":  {CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}},
}

// Authority is what the cluster trusts, and the credentials of each user.
type Authority struct {
	// CA signs servers and users.
	CA *Pair
	// Users by name.
	Users map[string]*Pair
}

// WriteCluster makes everything the components need and saves it in the cluster's PKI folder:
// `ca`, `front-proxy-ca`, `front-proxy`, `apiserver`, `kubelet-server`, one pair for each user, and
// the key that signs service account tokens (`service-accounts.key`, `.pub`).
func WriteCluster(cluster layout.Cluster) (*Authority, error) {
	dir := cluster.Path("pki")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ca, err := NewCA("gatewright-test-cluster")
	if err != nil {
		return nil, err
	}
	front, err := NewCA("gatewright-test-cluster-front-proxy")
	if err != nil {
		return nil, err
	}
	pairs := map[string]*Pair{"ca": ca, "front-proxy-ca": front}
	if pairs["front-proxy"], err = front.Issue(Subject{CommonName: "front-proxy-client"}); err != nil {
		return nil, err
	}
	for name, subject := range servers() {
		if pairs[name], err = ca.Issue(subject); err != nil {
			return nil, err
		}
	}
	authority := &Authority{CA: ca, Users: map[string]*Pair{}}
	for name, subject := range users {
		pair, err := ca.Issue(subject)
		if err != nil {
			return nil, err
		}
		pairs[name], authority.Users[name] = pair, pair
	}
	for name, pair := range pairs {
		if err := pair.Write(dir, name); err != nil {
			return nil, err
		}
	}
	return authority, writeTokenKey(cluster)
}

func servers() map[string]Subject {
	node := []net.IP{net.ParseIP(layout.NodeIPv4), net.ParseIP(layout.NodeIPv6), net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	return map[string]Subject{
		"apiserver": {
			CommonName: "kube-apiserver",
			DNSNames: []string{
				"localhost", layout.NodeName, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc." + layout.ClusterDomain,
			},
			IPs: append(node, net.ParseIP(layout.APIServiceIP)),
		},
		"kubelet-server": {CommonName: layout.NodeName, DNSNames: []string{layout.NodeName}, IPs: node},
	}
}

// writeTokenKey saves the key pair of service account tokens; a self-signed certificate's key
// serves, as only the key matters.
func writeTokenKey(cluster layout.Cluster) error {
	pair, err := NewCA("service-accounts")
	if err != nil {
		return err
	}
	key, err := pair.KeyPEM()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(pair.Key.Public())
	if err != nil {
		return err
	}
	if err := os.WriteFile(cluster.PKI("service-accounts.key"), key, 0o600); err != nil {
		return err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return os.WriteFile(cluster.PKI("service-accounts.pub"), encoded, 0o644)
}
