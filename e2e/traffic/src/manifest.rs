//! Short ways to write the manifests that most tests need.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// The GatewayClass `gatewright`.
pub fn class() -> String {
    "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gatewright}
spec: {controllerName: gatewright.dev/software}
"
    .to_owned()
}

/// A Gateway `name` in namespace `default`; `listeners` is the YAML list, flow style.
pub fn gateway(name: &str, listeners: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: gatewright
  listeners: {listeners}
"
    )
}

/// An HTTPRoute attached to Gateway `gateway`; `rest` is the rest of `spec`, indented by two.
pub fn http_route(name: &str, gateway: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {gateway}}}]
{rest}
"
    )
}

/// A Service with port 80 and one EndpointSlice with these endpoints, which share a port.
pub fn service(name: &str, endpoints: &[SocketAddr]) -> String {
    service_with(name, endpoints, "")
}

/// As [`service`], with more fields of the Service port, for example `, appProtocol: kubernetes.io/h2c`.
pub fn service_with(name: &str, endpoints: &[SocketAddr], port_fields: &str) -> String {
    let mut text = format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{ports: [{{name: main, port: 80{port_fields}}}]}}
"
    );
    for (index, endpoint) in endpoints.iter().enumerate() {
        let family = if endpoint.is_ipv4() { "IPv4" } else { "IPv6" };
        let _ = write!(
            text,
            "---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{index}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: {family}
ports: [{{name: main, port: {}}}]
endpoints: [{{addresses: [\"{}\"], conditions: {{ready: true}}}}]
",
            endpoint.port(),
            endpoint.ip(),
        );
    }
    text
}

/// A Gateway of the class `gatewright` that holds more than listeners; `spec` is the rest, indented by two.
pub fn gateway_with(name: &str, listeners: &str, spec: &str) -> String {
    gateway(name, listeners) + spec + "\n"
}

/// A ConfigMap with certificate authorities.
pub fn authorities(name: &str, pem: &str) -> String {
    let pem = pem
        .lines()
        .fold(String::new(), |all, line| all + "    " + line + "\n");
    format!(
        "---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: default}}
data:
  ca.crt: |
{pem}"
    )
}

/// A BackendTLSPolicy for a Service: this name, these authorities; `more` are further fields of
/// `validation`.
pub fn backend_tls(service: &str, hostname: &str, authorities: &str, more: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {service}, namespace: default}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: {service}}}]
  validation:
    hostname: {hostname}
    caCertificateRefs: [{{group: \"\", kind: ConfigMap, name: {authorities}}}]
{more}
"
    )
}

/// SoftwareGatewayParameters; `spec` is flow style.
pub fn parameters(name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata: {{name: {name}, namespace: default}}
spec: {spec}
"
    )
}

/// The field of a Gateway that refers to such an object.
pub fn parameters_ref(name: &str) -> String {
    format!(
        "  infrastructure: {{parametersRef: {{group: gatewright.dev, kind: SoftwareGatewayParameters, name: {name}}}}}"
    )
}

/// A Secret of type `kubernetes.io/tls`.
pub fn tls_secret(name: &str, chain: &str, key: &str) -> String {
    let indent = |text: &str| {
        text.lines()
            .fold(String::new(), |all, line| all + "    " + line + "\n")
    };
    format!(
        "---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: {name}, namespace: default}}
stringData:
  tls.crt: |
{}  tls.key: |
{}",
        indent(chain),
        indent(key)
    )
}
