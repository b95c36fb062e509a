package conformance

import (
	"bytes"
	"io/fs"
	"regexp"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/gateway-api/conformance"
)

// What the tests of a class that serves no HTTP begin with, in place of the suite's own.
const layer4Base = "base/layer4.yaml"

var gateway = regexp.MustCompile(`(?m)^kind: Gateway$`)

// TestLayer4 runs the suite's own tests, unmodified, for a class that serves connections and datagrams alone. The suite
// begins with Gateways of HTTP and waits until they are ready; these are left out, the backends stay.
//
// What it finds is no report: a report is of the whole suite.
func TestLayer4(t *testing.T) {
	base, err := withoutGateways()
	if err != nil {
		t.Fatal(err)
	}
	options := conformance.DefaultOptions(t)
	options.BaseManifests = layer4Base
	options.ManifestFS = []fs.FS{&conformance.Manifests, base}
	conformance.RunConformanceWithOptions(t, options)
}

// The suite's base manifests without their Gateways.
func withoutGateways() (fs.FS, error) {
	all, err := conformance.Manifests.ReadFile("base/manifests.yaml")
	if err != nil {
		return nil, err
	}
	var kept [][]byte
	for _, document := range bytes.Split(all, []byte("\n---\n")) {
		if !gateway.Match(document) {
			kept = append(kept, document)
		}
	}
	base := fstest.MapFS{layer4Base: {Data: bytes.Join(kept, []byte("\n---\n"))}}
	return base, nil
}

// The Gateways are left out, and nothing else is.
func TestBaseOfLayer4(t *testing.T) {
	base, err := withoutGateways()
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(base, layer4Base)
	if err != nil {
		t.Fatal(err)
	}
	all, err := conformance.Manifests.ReadFile("base/manifests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if gateway.Match(text) {
		t.Error("a Gateway is left")
	}
	kind := regexp.MustCompile(`(?m)^kind: `)
	before, left := len(kind.FindAll(all, -1)), len(kind.FindAll(text, -1))
	if gateways := len(gateway.FindAll(all, -1)); gateways == 0 || before-gateways != left {
		t.Errorf("%d resources, %d of them Gateways; %d are left", before, gateways, left)
	}
}
