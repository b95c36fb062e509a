package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheCarrierOfASharedGatewayIsWhereItsAliasLeads(t *testing.T) {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "edge"}}
	if namespace, name := carrier(service); namespace != "web" || name != "edge" {
		t.Errorf("dedicated: %s/%s", namespace, name)
	}
	service.Spec.Type = corev1.ServiceTypeExternalName
	service.Spec.ExternalName = "edge-1234.gatewright-system.svc.cluster.local"
	if namespace, name := carrier(service); namespace != "gatewright-system" || name != "edge-1234" {
		t.Errorf("shared: %s/%s", namespace, name)
	}
}
