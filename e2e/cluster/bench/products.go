package main

import (
	"path/filepath"
	"slices"
)

// product is what an installation of a controller looks like from outside.
type product struct {
	// services is the namespace of the Services of its Gateways; empty for the Gateway's own.
	services string
	// label of such a Service that holds the Gateway's name.
	label string
	// controller and proxy are the beginnings of their command lines, the program without its folder.
	controller, proxy []string
}

// products by the names that `cargo xtask bench cluster --peer` takes.
var products = map[string]product{
	"gatewright": {
		label:      "gateway.networking.k8s.io/gateway-name",
		controller: []string{"gatewright", "controller"},
		proxy:      []string{"gatewright", "proxy"},
	},
	"envoy-gateway": {
		services:   "envoy-gateway-system",
		label:      "gateway.envoyproxy.io/owning-gateway-name",
		controller: []string{"envoy-gateway", "server"},
		proxy:      []string{"envoy"},
	},
}

// runs is whether a command line begins so.
func runs(line, beginning []string) bool {
	if len(line) < len(beginning) {
		return false
	}
	program := filepath.Base(line[0])
	return program == beginning[0] && slices.Equal(line[1:len(beginning)], beginning[1:])
}
