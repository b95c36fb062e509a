package main

import (
	"maps"
	"testing"
)

func TestCallsOfAWSAreReadsAndWrites(t *testing.T) {
	before, err := callsIn([]byte(`{"counts": {"elbv2:CreateRule": 3, "elbv2:DescribeRules": 7}, "last": []}`))
	if err != nil {
		t.Fatal(err)
	}
	text := `{"counts": {"elbv2:CreateRule": 5, "elbv2:DescribeRules": 9, "tagging:GetResources": 1,
		"sts:AssumeRole": 2, "ec2:AuthorizeSecurityGroupIngress": 4}}`
	now, err := callsIn([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	spent := now.since(before)
	if spent.reads != 5 || spent.writes != 6 {
		t.Errorf("found %d reads and %d writes, want 5 and 6", spent.reads, spent.writes)
	}
	want := map[string]int{"elbv2:CreateRule": 2, "ec2:AuthorizeSecurityGroupIngress": 4}
	if !maps.Equal(spent.written, want) {
		t.Errorf("found %v, want %v", spent.written, want)
	}
}

func TestMadeUpPodsHaveAddressesOfTheirOwnOutsideOfTheNodesRange(t *testing.T) {
	seen := map[string]bool{}
	for number := range (podsTo - podsFrom) * podsEach {
		seen[podAddress(number)] = true
	}
	if len(seen) != (podsTo-podsFrom)*podsEach {
		t.Errorf("%d addresses for %d pods", len(seen), (podsTo-podsFrom)*podsEach)
	}
	if !seen["10.244.64.1"] || !seen["10.244.254.250"] || seen["10.244.255.1"] {
		t.Errorf("the first is %s", podAddress(0))
	}
}

func TestAMetricIsThatOfTheClass(t *testing.T) {
	text := `# TYPE gatewright_cloud_sweep_seconds gauge
gatewright_cloud_sweep_seconds{controller="gatewright.dev/aws-nlb"} 3.0
gatewright_cloud_sweep_seconds{controller="gatewright.dev/aws-alb"} 122.5
gatewright_cloud_sweep_calls{controller="gatewright.dev/aws-alb"} 24586
`
	if value, found := gauge(text, "gatewright_cloud_sweep_seconds", "aws-alb"); !found || value != 122.5 {
		t.Errorf("found %v, %v", value, found)
	}
	if _, found := gauge(text, "gatewright_cloud_sweep_seconds", "aws-lattice"); found {
		t.Error("a class that nothing was said of")
	}
}
