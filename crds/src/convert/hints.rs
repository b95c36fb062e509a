//! Fields and values of older releases, for messages that say what to write instead.

/// What replaced a field. The patterns have `[]` for any index.
const MOVED: &[(&str, &str, &str)] = &[
    // GEP-1619, reshaped in v1.7.
    (
        "HTTPRoute",
        "spec.rules[].sessionPersistence.sessionName",
        "cookie.name or header.name",
    ),
    (
        "HTTPRoute",
        "spec.rules[].sessionPersistence.cookieConfig",
        "cookie",
    ),
    (
        "GRPCRoute",
        "spec.rules[].sessionPersistence.sessionName",
        "cookie.name or header.name",
    ),
    (
        "GRPCRoute",
        "spec.rules[].sessionPersistence.cookieConfig",
        "cookie",
    ),
    (
        "XBackendTrafficPolicy",
        "spec.sessionPersistence.sessionName",
        "cookie.name or header.name",
    ),
    (
        "XBackendTrafficPolicy",
        "spec.sessionPersistence.cookieConfig",
        "cookie",
    ),
    // GEP-4894, reshaped in v1.7.
    ("XBackend", "spec.port.port", "spec.port.number"),
    ("XBackend", "status.parents", "status.ancestors"),
    // Gateway v1.3 and v1.4, experimental.
    ("Gateway", "spec.backendTLS", "spec.tls.backend"),
    (
        "Gateway",
        "spec.listeners[].tls.frontendValidation",
        "spec.tls.frontend.default.validation",
    ),
    // v1alpha1 and v1alpha2.
    ("Gateway", "spec.listeners[].routes", "allowedRoutes"),
    (
        "Gateway",
        "spec.listeners[].tls.certificateRef",
        "certificateRefs",
    ),
    ("HTTPRoute", "spec.gateways", "spec.parentRefs"),
    ("HTTPRoute", "spec.rules[].forwardTo", "backendRefs"),
    (
        "HTTPRoute",
        "spec.rules[].filters[].requestRedirect.prefix",
        "path",
    ),
    ("TLSRoute", "spec.gateways", "spec.parentRefs"),
    ("TLSRoute", "spec.rules[].forwardTo", "backendRefs"),
    ("TCPRoute", "spec.rules[].forwardTo", "backendRefs"),
    ("UDPRoute", "spec.rules[].forwardTo", "backendRefs"),
    // BackendTLSPolicy v1alpha2.
    ("BackendTLSPolicy", "spec.targetRef", "spec.targetRefs"),
    ("BackendTLSPolicy", "spec.tls", "spec.validation"),
    (
        "BackendTLSPolicy",
        "spec.validation.caCertRefs",
        "caCertificateRefs",
    ),
    (
        "BackendTLSPolicy",
        "spec.validation.wellKnownCACerts",
        "wellKnownCACertificates",
    ),
];

/// Values that older releases accepted: last element of the field's path, value, present value.
const VALUES: &[(&str, &str, &str)] = &[("type", "Prefix", "PathPrefix")];

/// The field to write instead of one that an older release had. `path` is the field's path, with or
/// without indexes (`spec.rules[0].forwardTo`).
pub fn moved_field(kind: &str, path: &str) -> Option<&'static str> {
    let pattern = without_indexes(path);
    MOVED
        .iter()
        .find(|(of, field, _)| *of == kind && *field == pattern)
        .map(|(_, _, now)| *now)
}

/// The value to write instead of one that an older release accepted.
pub fn old_value(path: &str, value: &str) -> Option<&'static str> {
    let field = path.rsplit('.').next().unwrap_or(path);
    VALUES
        .iter()
        .find(|(of, old, _)| *of == field && *old == value)
        .map(|(_, _, now)| *now)
}

fn without_indexes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => continue,
            _ => {}
        }
        out.push(letter);
    }
    out
}
