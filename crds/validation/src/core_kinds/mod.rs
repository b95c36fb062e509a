//! The built-in kinds that the program reads beside the Gateway API: their shape, and the rules of the API server that
//! matter for them. What does not concern a gateway is let through.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::diagnostic::Code;
use crate::finding::{Finding, Findings};
use crate::names;
use crate::path::Path;

/// Shapes of the kinds, in the form of CRD schemas.
pub(crate) const SCHEMAS: &str = include_str!("schemas.json");

/// A Secret or ConfigMap may hold this many bytes.
const MAX_DATA: usize = 1 << 20;

/// One built-in kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoreKind {
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) versions: &'static [&'static str],
    pub(crate) namespaced: bool,
    pub(crate) name: fn(&str) -> Vec<String>,
    /// Rules beyond the schema. The value has passed it.
    pub(crate) check: fn(&mut Value, &mut Findings),
}

/// The built-in kinds.
pub(crate) const KINDS: [CoreKind; 6] = [
    CoreKind {
        group: "",
        kind: "Service",
        versions: &["v1"],
        namespaced: true,
        name: names::dns1035_label,
        check: service,
    },
    CoreKind {
        group: "discovery.k8s.io",
        kind: "EndpointSlice",
        versions: &["v1"],
        namespaced: true,
        name: names::dns1123_subdomain,
        check: endpoint_slice,
    },
    CoreKind {
        group: "",
        kind: "Secret",
        versions: &["v1"],
        namespaced: true,
        name: names::dns1123_subdomain,
        check: secret,
    },
    CoreKind {
        group: "",
        kind: "ConfigMap",
        versions: &["v1"],
        namespaced: true,
        name: names::dns1123_subdomain,
        check: config_map,
    },
    CoreKind {
        group: "",
        kind: "Namespace",
        versions: &["v1"],
        namespaced: false,
        name: names::dns1123_label,
        check: namespace,
    },
    CoreKind {
        group: "certificates.k8s.io",
        kind: "ClusterTrustBundle",
        versions: &["v1", "v1beta1", "v1alpha1"],
        namespaced: false,
        name: trust_bundle_name,
        check: cluster_trust_bundle,
    },
];

fn object<'a>(value: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    value.get(name).and_then(Value::as_object)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn push_problems(out: &mut Findings, code: Code, path: &Path<'_>, value: &Value, problems: Vec<String>) {
    for problem in problems {
        out.push(Finding::invalid(code, path, value, &problem));
    }
}

fn namespace(_value: &mut Value, _out: &mut Findings) {}

fn service(value: &mut Value, out: &mut Findings) {
    let root = Path::Root;
    let spec_path = root.field("spec");
    let Some(spec) = value.get_mut("spec") else { return };
    let ports_path = spec_path.field("ports");
    let kind = text(spec, "type").to_owned();
    let headless = text(spec, "clusterIP") == "None";
    if kind == "ExternalName" {
        let name_path = spec_path.field("externalName");
        let name = text(spec, "externalName");
        if name.is_empty() {
            out.push(Finding::required(
                &name_path,
                "a Service of type ExternalName needs a name",
            ));
        } else {
            let problems = names::dns1123_subdomain(name.strip_suffix('.').unwrap_or(name));
            push_problems(out, Code::InvalidName, &name_path, &Value::from(name), problems);
        }
    } else if items(spec, "ports").is_empty() && !headless {
        out.push(Finding::required(&ports_path, ""));
    }
    if let Some(selector) = object(spec, "selector") {
        crate::metadata::check_labels(selector, &spec_path.field("selector"), out);
    }
    let count = items(spec, "ports").len();
    let mut seen_names = HashSet::new();
    let mut seen_ports = HashSet::new();
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        let port_path = ports_path.index(index);
        let name_path = port_path.field("name");
        let name = text(port, "name");
        if name.is_empty() {
            if count > 1 {
                out.push(Finding::required(
                    &name_path,
                    "every port needs a name when there are several",
                ));
            }
        } else {
            push_problems(
                out,
                Code::InvalidName,
                &name_path,
                &Value::from(name),
                names::dns1123_label(name),
            );
            if !seen_names.insert(name.to_owned()) {
                out.push(duplicate(&name_path, &Value::from(name)));
            }
        }
        let number = port.get("port").and_then(Value::as_u64).unwrap_or_default();
        if !seen_ports.insert((text(port, "protocol").to_owned(), number)) {
            out.push(duplicate(
                &port_path,
                &Value::from(format!("{}/{number}", text(port, "protocol"))),
            ));
        }
        let target_path = port_path.field("targetPort");
        match port.get("targetPort") {
            None | Some(Value::Null) => set(port, "targetPort", Value::from(number)),
            Some(Value::String(text)) if text.is_empty() => set(port, "targetPort", Value::from(number)),
            Some(Value::Number(zero)) if zero.as_u64() == Some(0) => {
                set(port, "targetPort", Value::from(number));
            }
            Some(target @ Value::String(text)) => {
                push_problems(
                    out,
                    Code::InvalidValue,
                    &target_path,
                    target,
                    names::port_name(text),
                );
            }
            Some(target) => {
                if !target.as_u64().is_some_and(|port| (1..=65535).contains(&port)) {
                    let detail = "must be between 1 and 65535, inclusive";
                    out.push(
                        Finding::invalid(Code::InvalidValue, &target_path, target, detail)
                            .accepting("1-65535"),
                    );
                }
            }
        }
    }
}

fn set(value: &mut Value, name: &str, to: Value) {
    if let Value::Object(map) = value {
        map.insert(name.to_owned(), to);
    }
}

fn duplicate(path: &Path<'_>, value: &Value) -> Finding {
    let mut finding = Finding::error(Code::DuplicateValue, path, format!("Duplicate value: {value}"));
    finding.found = Some(value.to_string());
    finding
}

fn endpoint_slice(value: &mut Value, out: &mut Findings) {
    let root = Path::Root;
    let kind = text(value, "addressType");
    let endpoints_path = root.field("endpoints");
    for (index, endpoint) in items(value, "endpoints").iter().enumerate() {
        let endpoint_path = endpoints_path.index(index);
        let addresses_path = endpoint_path.field("addresses");
        for (index, address) in items(endpoint, "addresses").iter().enumerate() {
            let found = address.as_str().unwrap_or_default();
            let problems = match kind {
                "IPv4" if found.parse::<Ipv4Addr>().is_err() => {
                    vec!["must be a valid IPv4 address".to_owned()]
                }
                "IPv6" if found.parse::<Ipv6Addr>().is_err() => {
                    vec!["must be a valid IPv6 address".to_owned()]
                }
                "FQDN" => names::dns1123_subdomain(found.strip_suffix('.').unwrap_or(found)),
                _ => Vec::new(),
            };
            push_problems(
                out,
                Code::InvalidValue,
                &addresses_path.index(index),
                address,
                problems,
            );
        }
    }
    let ports_path = root.field("ports");
    let mut seen = HashSet::new();
    for (index, port) in items(value, "ports").iter().enumerate() {
        let port_path = ports_path.index(index);
        let name_path = port_path.field("name");
        let name = text(port, "name");
        if !name.is_empty() {
            push_problems(
                out,
                Code::InvalidName,
                &name_path,
                &Value::from(name),
                names::dns1123_label(name),
            );
        }
        if !seen.insert(name.to_owned()) {
            out.push(duplicate(&name_path, &Value::from(name)));
        }
    }
}

/// Keys that a type of Secret must have (`k8s.io/api/core/v1`, SecretType).
fn required_keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        _ => &[],
    }
}

/// Checks keys and base64, and folds `stringData` into `data`, where it wins over an entry of the same key.
fn secret(value: &mut Value, out: &mut Findings) {
    let Value::Object(map) = value else { return };
    let root = Path::Root;
    let mut data = entries(map, "data");
    let data_path = root.field("data");
    let mut size = 0_usize;
    for (key, value) in &mut data {
        let path = data_path.key(key);
        push_problems(
            out,
            Code::InvalidName,
            &path,
            &Value::from(key.as_str()),
            names::config_key(key),
        );
        let clean: String = value
            .as_str()
            .unwrap_or_default()
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .collect();
        match STANDARD.decode(&clean) {
            Ok(bytes) => size += bytes.len(),
            Err(_) => out.push(
                Finding::error(
                    Code::InvalidBase64,
                    &path,
                    "Invalid value: not valid base64; plain text belongs in stringData",
                )
                .accepting("base64"),
            ),
        }
        *value = Value::from(clean);
    }
    let string_path = root.field("stringData");
    for (key, value) in entries(map, "stringData") {
        push_problems(
            out,
            Code::InvalidName,
            &string_path.key(&key),
            &Value::from(key.as_str()),
            names::config_key(&key),
        );
        let plain = value.as_str().unwrap_or_default();
        size += plain.len();
        data.insert(key, Value::from(STANDARD.encode(plain)));
    }
    check_size(size, &root, out);
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    for key in required_keys(kind) {
        if !data.contains_key(*key) {
            out.push(Finding::required(
                &data_path.key(key),
                &format!("a Secret of type {kind} needs it"),
            ));
        }
    }
    map.shift_remove("stringData");
    if !data.is_empty() {
        map.insert("data".to_owned(), Value::Object(data));
    }
}

/// The entries of a map of strings, with null as the empty string.
fn entries(map: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let source = map.get(name).and_then(Value::as_object);
    source
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let value = if value.is_null() {
                Value::from("")
            } else {
                value.clone()
            };
            (key.clone(), value)
        })
        .collect()
}

fn check_size(size: usize, path: &Path<'_>, out: &mut Findings) {
    if size > MAX_DATA {
        let message = format!("Too long: {size} bytes of data: may not be more than {MAX_DATA} bytes");
        out.push(
            Finding::error(Code::TooLong, &path.field("data"), message)
                .accepting(format!("at most {MAX_DATA} bytes")),
        );
    }
}

fn config_map(value: &mut Value, out: &mut Findings) {
    let Value::Object(map) = value else { return };
    let root = Path::Root;
    let data = entries(map, "data");
    let binary = entries(map, "binaryData");
    let mut size = 0_usize;
    let data_path = root.field("data");
    for (key, value) in &data {
        let path = data_path.key(key);
        push_problems(
            out,
            Code::InvalidName,
            &path,
            &Value::from(key.as_str()),
            names::config_key(key),
        );
        if binary.contains_key(key) {
            out.push(duplicate(&path, &Value::from(key.as_str())));
        }
        size += value.as_str().map_or(0, str::len);
    }
    let binary_path = root.field("binaryData");
    for (key, value) in &binary {
        let path = binary_path.key(key);
        push_problems(
            out,
            Code::InvalidName,
            &path,
            &Value::from(key.as_str()),
            names::config_key(key),
        );
        match STANDARD.decode(value.as_str().unwrap_or_default()) {
            Ok(bytes) => size += bytes.len(),
            Err(_) => out.push(Finding::error(
                Code::InvalidBase64,
                &path,
                "Invalid value: not valid base64",
            )),
        }
    }
    check_size(size, &root, out);
    if !data.is_empty() {
        map.insert("data".to_owned(), Value::Object(data));
    }
}

/// A bundle of a signer is named `<signer with : for />:<name>`; the rest are DNS subdomains.
fn trust_bundle_name(name: &str) -> Vec<String> {
    name.rsplit(':')
        .next()
        .map(names::dns1123_subdomain)
        .unwrap_or_default()
}

fn cluster_trust_bundle(value: &mut Value, out: &mut Findings) {
    let root = Path::Root;
    let spec = value.get("spec").unwrap_or(&Value::Null);
    let signer = text(spec, "signerName");
    let name = value
        .get("metadata")
        .map(|metadata| text(metadata, "name"))
        .unwrap_or_default();
    let metadata_path = root.field("metadata");
    let name_path = metadata_path.field("name");
    if signer.is_empty() {
        if name.contains(':') {
            let detail = "ClusterTrustBundle without signer name must not have \":\" in its name";
            out.push(Finding::invalid(
                Code::InvalidName,
                &name_path,
                &Value::from(name),
                detail,
            ));
        }
    } else {
        let prefix = format!("{}:", signer.replace('/', ":"));
        if !name.starts_with(&prefix) {
            let detail =
                format!("ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}");
            out.push(Finding::invalid(
                Code::InvalidName,
                &name_path,
                &Value::from(name),
                &detail,
            ));
        }
    }
    if !text(spec, "trustBundle").contains("-----BEGIN CERTIFICATE-----") {
        let spec_path = root.field("spec");
        out.push(Finding::error(
            Code::InvalidValue,
            &spec_path.field("trustBundle"),
            "Invalid value: at least one trust anchor must be provided, as PEM CERTIFICATE blocks",
        ));
    }
}
