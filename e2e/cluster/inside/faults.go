package inside

import (
	"os"
	"testing"
)

// Faults ends a test, as left out, where parts of the cluster cannot be killed: on kind.
func Faults(t *testing.T) {
	t.Helper()
	if os.Getenv("GATEWRIGHT_NO_FAULTS") != "" {
		t.Skip("parts of this cluster cannot be killed")
	}
}
