package main

import (
	"maps"
	"testing"
)

func TestWritesThatSucceedAreCountedAndHeartbeatsAreNot(t *testing.T) {
	text := `# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="gateway.networking.k8s.io",resource="httproutes",scope="resource",subresource="status",verb="PUT",version="v1"} 12
apiserver_request_total{code="200",component="apiserver",dry_run="",group="gateway.networking.k8s.io",resource="gateways",scope="resource",subresource="status",verb="APPLY",version="v1"} 1e+03
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="services",scope="resource",subresource="",verb="POST",version="v1"} 2
apiserver_request_total{code="409",component="apiserver",dry_run="",group="gateway.networking.k8s.io",resource="httproutes",scope="resource",subresource="status",verb="PUT",version="v1"} 5
apiserver_request_total{code="200",component="apiserver",dry_run="",group="gateway.networking.k8s.io",resource="httproutes",scope="cluster",subresource="",verb="LIST",version="v1"} 7
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 80
apiserver_request_total{code="201",component="apiserver",dry_run="",group="events.k8s.io",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="events.k8s.io",resource="events",scope="resource",subresource="",verb="PATCH",version="v1"} 4
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 90
apiserver_request_aborts_total{group="",resource="services",verb="POST"} 3
`
	want := map[string]int{"httproutes/status": 12, "gateways/status": 1000, "services": 2, events: 7}
	if found := writesIn([]byte(text)); !maps.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

func TestProcessesAreToldByTheBeginningOfTheirCommandLine(t *testing.T) {
	line := []string{"/usr/local/bin/envoy-gateway", "envoy", "shutdown-manager"}
	if runs(line, products["envoy-gateway"].controller) {
		t.Error("the shutdown manager is no controller")
	}
	if !runs([]string{"/gatewright", "proxy", "--class"}, products["gatewright"].proxy) {
		t.Error("a proxy is not found")
	}
	if runs(nil, products["gatewright"].proxy) {
		t.Error("a kernel thread has no command line")
	}
}
