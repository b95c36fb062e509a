//go:build cluster

package stay

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"gatewright.dev/e2e/cluster/inside"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A listener's certificate is replaced again and again: each handshake gets a valid one, and the last one is
// served in the end.
func TestCertificatesRotate(t *testing.T) {
	address := world(t)
	defer reset(t)
	client := objects(t)
	authority := newAuthority(t)
	secret := object(t, `{apiVersion: v1, kind: Secret, type: kubernetes.io/tls, metadata: {name: edge-cert}}`)
	secret.Object["data"] = authority.issue(t, 2)
	inside.Kubectl(t, "delete", "secret", "--namespace", space, "edge-cert", "--ignore-not-found")
	if _, err := client.Resource(secrets).Namespace(space).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	listeners := []any{
		map[string]any{"name": "http", "port": 80, "protocol": "HTTP"},
		map[string]any{"name": "https", "port": 443, "protocol": "HTTPS", "tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "edge-cert"}}}},
	}
	other := inside.Start(plain(address))
	merge(t, client, gateways, "edge", map[string]any{"spec": map[string]any{"listeners": listeners}})
	target := inside.Target{
		Address: net.JoinHostPort(address, "443"), Host: host,
		TLS: &tls.Config{ServerName: host, RootCAs: authority.pool(), MinVersion: tls.VersionTLS12},
	}
	inside.Answers(t, target)

	serials := map[string]bool{}
	load := inside.Watch(target, func(answer inside.Answer) error {
		serials[answer.TLS.PeerCertificates[0].SerialNumber.String()] = true
		return nil
	})
	last := int64(2)
	rotations := either(60, 10)
	for range rotations {
		last++
		merge(t, client, secrets, "edge-cert", map[string]any{"data": authority.issue(t, last)})
		time.Sleep(500 * time.Millisecond)
	}
	probe := &inside.Client{Target: target, Fresh: true}
	inside.Until(t, func() error {
		answer, err := probe.Get()
		if err != nil {
			return err
		}
		if serial := answer.TLS.PeerCertificates[0].SerialNumber; serial.Int64() != last {
			return fmt.Errorf("certificate %s is served, %d is the last", serial, last)
		}
		return nil
	})
	load.End(t, fmt.Sprintf("%d rotations, %d certificates seen", rotations, len(serials)))
	other.End(t, "the listener beside it")
	if len(serials) < rotations/2 {
		t.Errorf("only %d certificates were served", len(serials))
	}
}

// authority issues certificates of the first route's hostname.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, certificate}
}

func (authority authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(authority.certificate)
	return pool
}

// issue is the data of a Secret with a new key and certificate.
func (authority authority) issue(t *testing.T, serial int64) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, authority.certificate, key.Public(), authority.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, content []byte) string {
		var buffer bytes.Buffer
		if err := pem.Encode(&buffer, &pem.Block{Type: kind, Bytes: content}); err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(buffer.Bytes())
	}
	return map[string]any{"tls.crt": text("CERTIFICATE", certificate), "tls.key": text("PRIVATE KEY", private)}
}
