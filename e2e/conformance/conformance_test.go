// Package conformance runs the official Gateway API conformance suite, as published and unmodified.
//
// Everything is given by the suite's own flags; `cargo xtask conformance` sets them.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) {
	conformance.RunConformance(t)
}
