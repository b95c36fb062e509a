// Package preview runs the conformance suite v1.7.0 with one module substituted: see go.mod. Its result is a
// preview, never an official report.
//
// Everything is given by the suite's own flags; `cargo xtask conformance` sets them.
package preview

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) {
	conformance.RunConformance(t)
}
