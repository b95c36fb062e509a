// Package pki makes the keys and certificates of a cluster that lives for hours.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of every certificate; the start lies in the past for clocks that differ.
const (
	lifetime = 30 * 24 * time.Hour
	backdate = 5 * time.Minute
)

// Pair is a key and its certificate.
type Pair struct {
	Key         *ecdsa.PrivateKey
	Certificate *x509.Certificate
}

// Subject says whom a certificate names, and what it may be used for.
type Subject struct {
	// CommonName and Organizations are the user and groups that Kubernetes takes from a client
	// certificate.
	CommonName    string
	Organizations []string
	// DNSNames and IPs are what a server is called by. With none of either the certificate is a
	// client's only.
	DNSNames []string
	IPs      []net.IP
}

// NewCA makes a certificate authority.
func NewCA(name string) (*Pair, error) {
	template, err := template(pkix.Name{CommonName: name})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	return sign(template, nil)
}

// Issue makes a key and a certificate for it, signed by this authority.
func (ca *Pair) Issue(subject Subject) (*Pair, error) {
	template, err := template(pkix.Name{CommonName: subject.CommonName, Organization: subject.Organizations})
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(subject.DNSNames)+len(subject.IPs) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames = subject.DNSNames
		template.IPAddresses = subject.IPs
	}
	return sign(template, ca)
}

func template(name pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      name,
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(lifetime),
	}, nil
}

// sign makes a key for the template and signs it; without a signer it signs itself.
func sign(template *x509.Certificate, signer *Pair) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	parent, by := template, crypto.Signer(key)
	if signer != nil {
		parent, by = signer.Certificate, signer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %q: %w", template.Subject.CommonName, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Pair{Key: key, Certificate: certificate}, nil
}

// CertificatePEM is the certificate in PEM form.
func (p *Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})
}

// KeyPEM is the private key in PEM form (PKCS #8).
func (p *Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Write saves name.crt and name.key in the folder; the key is readable by its owner alone.
func (p *Pair) Write(dir, name string) error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), p.CertificatePEM(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".key"), key, 0o600)
}
