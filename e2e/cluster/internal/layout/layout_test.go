package layout

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNamesAreShortDNSLabels(t *testing.T) {
	for _, name := range []string{"a", "smoke", "run-1", strings.Repeat("a", 32)} {
		if _, err := New(t.TempDir(), name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-a", "a-", "A", "a/b", "..", "a b", strings.Repeat("a", 33)} {
		if _, err := New(t.TempDir(), name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// unix(7): a path of 108 bytes with its NUL is the longest a socket takes.
func TestAFolderTooDeepForASocketIsRefused(t *testing.T) {
	root := "/" + strings.Repeat("a", 107-len("//x/control.sock"))
	if _, err := New(root, "x"); err != nil {
		t.Errorf("107 characters: %v", err)
	}
	if _, err := New(root+"a", "x"); err == nil {
		t.Error("108 characters are taken")
	}
}

func TestAddressRangesFitTogether(t *testing.T) {
	ranges := []string{
		PodsIPv4, PodsIPv6, ServicesIPv4, ServicesIPv6, BalancersIPv4, BalancersIPv6,
		NodeIPv4 + "/24", NodeIPv6 + "/64",
	}
	for i, one := range ranges {
		for _, other := range ranges[i+1:] {
			if netip.MustParsePrefix(one).Overlaps(netip.MustParsePrefix(other)) {
				t.Errorf("%s and %s overlap", one, other)
			}
		}
	}
	for address, prefix := range map[string]string{APIServiceIP: ServicesIPv4, DNSIP: ServicesIPv4, UsableAddress: BalancersIPv4} {
		if !netip.MustParsePrefix(prefix).Contains(netip.MustParseAddr(address)) {
			t.Errorf("%s is not in %s", address, prefix)
		}
	}
	if netip.MustParsePrefix(BalancersIPv4).Contains(netip.MustParseAddr(UnusableAddress)) {
		t.Errorf("%s can be used", UnusableAddress)
	}
}
