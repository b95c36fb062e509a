package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gatewright.dev/e2e/cluster/internal/layout"
)

func TestTheClustersCertificatesAreGoodForTheirUse(t *testing.T) {
	cluster, err := layout.New(t.TempDir(), "pki")
	if err != nil {
		t.Fatal(err)
	}
	authority, err := WriteCluster(cluster)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.CA.Certificate)
	verify := func(file, host string, use x509.ExtKeyUsage) error {
		pair, err := tls.LoadX509KeyPair(cluster.PKI(file+".crt"), cluster.PKI(file+".key"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}})
		return err
	}
	for _, host := range []string{layout.NodeIPv4, layout.NodeIPv6, layout.APIServiceIP, "127.0.0.1", "kubernetes.default.svc"} {
		if err := verify("apiserver", host, x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("API server as %s: %v", host, err)
		}
	}
	if verify("apiserver", "example.com", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("the API server's certificate is good for any name")
	}
	if err := verify("kubelet-server", layout.NodeIPv4, x509.ExtKeyUsageServerAuth); err != nil {
		t.Errorf("kubelet: %v", err)
	}
	for user := range users {
		if err := verify(user, "", x509.ExtKeyUsageClientAuth); err != nil {
			t.Errorf("user %s: %v", user, err)
		}
		if verify(user, "", x509.ExtKeyUsageServerAuth) == nil {
			t.Errorf("user %s can pose as a server", user)
		}
	}
	// The front proxy may speak for any user, so its authority must be another one.
	if verify("front-proxy", "", x509.ExtKeyUsageClientAuth) == nil {
		t.Error("the front proxy's certificate is a user's as well")
	}
}

// https://kubernetes.io/docs/reference/access-authn-authz/node/: the node authorizer knows a kubelet
// by this user and group.
func TestTheKubeletIsItsNode(t *testing.T) {
	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(users["kubelet"])
	if err != nil {
		t.Fatal(err)
	}
	subject := pair.Certificate.Subject
	if subject.CommonName != "system:node:"+layout.NodeName || !slices.Equal(subject.Organization, []string{"system:nodes"}) {
		t.Errorf("subject is %s", subject)
	}
}

func TestKeysAreTheirOwnersAlone(t *testing.T) {
	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ca.Write(dir, "one"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "one.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
}

func TestServersNamesAndAddressesAreKept(t *testing.T) {
	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(Subject{CommonName: "s", DNSNames: []string{"a.example"}, IPs: []net.IP{net.ParseIP("fd00::1")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"a.example", "fd00::1"} {
		if err := pair.Certificate.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}
