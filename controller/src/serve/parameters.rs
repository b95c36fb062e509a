//! SoftwareGatewayParameters as options of the proxy.

use gatewright_core::translate::milliseconds;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_crds::own::parameters::{Forwarding, Limits, ProxyProtocol, Timeouts};
use gatewright_model::certificate::Secret;
use gatewright_model::key::ObjectName;
use gatewright_proxy::policy::SessionKey;
use gatewright_proxy::runtime::ProxyOptions;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The options of Gateways that have some of their own. What is unchanged keeps its options, so that the
/// proxy recognises them.
pub struct GatewayOptions {
    base: ProxyOptions,
    known: BTreeMap<ObjectName, (Own, Arc<ProxyOptions>)>,
}

/// What a Gateway's options follow from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    /// Its parameters.
    pub parameters: Option<SoftwareGatewayParametersSpec>,
    /// The key of its session tokens, where other proxies are to read them.
    pub session_key: Option<Secret>,
}

impl GatewayOptions {
    /// No Gateway has any yet.
    pub const fn new(base: ProxyOptions) -> Self {
        Self {
            base,
            known: BTreeMap::new(),
        }
    }

    /// The options of a Gateway; `None` when those of the process hold.
    pub fn of(&mut self, gateway: &ObjectName, own: &Own) -> Option<Arc<ProxyOptions>> {
        if *own == Own::default() {
            self.known.remove(gateway);
            return None;
        }
        if let Some((_, options)) = self.known.get(gateway).filter(|(known, _)| known == own) {
            return Some(Arc::clone(options));
        }
        let mut found = match &own.parameters {
            Some(parameters) => options(&self.base, parameters),
            None => self.base.clone(),
        };
        let key = own.session_key.as_ref();
        set(
            &mut found.session_key,
            key.and_then(|key| SessionKey::from_secret(key.expose())),
        );
        let found = Arc::new(found);
        self.known
            .insert(gateway.clone(), (own.clone(), Arc::clone(&found)));
        Some(found)
    }

    /// Forgets the Gateways that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&ObjectName) -> bool) {
        self.known.retain(|gateway, _| keep(gateway));
    }
}

/// The options of one Gateway: those of the process with what its parameters name. Values were checked
/// when the object was read, so one that cannot be used leaves the process's own.
pub fn options(base: &ProxyOptions, parameters: &SoftwareGatewayParametersSpec) -> ProxyOptions {
    // The rest says how proxies are run in a cluster, which this process is not.
    let SoftwareGatewayParametersSpec {
        mode: _,
        deployment: _,
        service: _,
        access_log: _,
        proxy_protocol,
        forwarding,
        limits,
        timeouts,
    } = parameters;
    let mut options = base.clone();
    if let Some(ProxyProtocol { required_from }) = proxy_protocol {
        options.proxy_protocol_from = networks(required_from);
    }
    if let Some(Forwarding {
        trusted_hops,
        trusted_cidrs,
        send_forwarded,
        keep_request_id,
    }) = forwarding
    {
        set(&mut options.forwarding.trusted_hops, *trusted_hops);
        set(
            &mut options.forwarding.trusted_peers,
            trusted_cidrs.as_deref().map(networks),
        );
        set(&mut options.forwarding.send_forwarded, *send_forwarded);
        set(&mut options.forwarding.keep_request_id, *keep_request_id);
    }
    if let Some(Limits {
        header_bytes,
        header_fields,
        body_bytes,
        body_bytes_per_second,
        connections_per_port,
        connections_per_client,
    }) = limits
    {
        let size = |value: &Option<u32>| value.map(|value| value as usize);
        set(&mut options.limits.head_bytes, size(header_bytes));
        set(&mut options.limits.head_fields, size(header_fields));
        set(
            &mut options.limits.body_bytes,
            body_bytes.map(|value| u64::try_from(value).ok()),
        );
        set(&mut options.limits.body_rate, *body_bytes_per_second);
        set(
            &mut options.limits.connections_per_port,
            size(connections_per_port),
        );
        set(
            &mut options.limits.connections_per_client,
            connections_per_client.map(|value| Some(value as usize)),
        );
    }
    if let Some(Timeouts {
        header,
        idle,
        body,
        connect,
        external_auth,
        backend_idle,
        tcp_idle,
        udp_idle,
    }) = timeouts
    {
        set(&mut options.timeouts.head, time(header.as_deref()));
        set(&mut options.timeouts.idle, time(idle.as_deref()));
        set(&mut options.timeouts.body, time(body.as_deref()));
        set(&mut options.timeouts.connect, time(connect.as_deref()));
        set(
            &mut options.timeouts.external_auth,
            time(external_auth.as_deref()),
        );
        set(&mut options.timeouts.upstream_read, time(backend_idle.as_deref()));
        set(&mut options.timeouts.tcp_idle, time(tcp_idle.as_deref()));
        set(&mut options.timeouts.udp_idle, time(udp_idle.as_deref()));
    }
    options
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn networks(texts: impl AsRef<[String]>) -> Vec<IpNet> {
    texts
        .as_ref()
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

fn time(text: Option<&str>) -> Option<Duration> {
    milliseconds(text?).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_log_fields_that_parameters_accept_are_those_of_the_proxy() {
        let crd: serde_json::Value = serde_json::from_str(&gatewright_crds::own::crds()[0].json).unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let pattern = &spec["properties"]["accessLog"]["properties"]["fields"]["items"]["pattern"];
        let names = pattern
            .as_str()
            .unwrap()
            .trim_start_matches("^(")
            .trim_end_matches(")$");
        let accepted: Vec<&str> = names
            .split('|')
            .filter(|name| !name.starts_with("header:"))
            .collect();
        assert_eq!(accepted, gatewright_proxy::observe::FIELDS);
    }

    #[test]
    fn what_is_named_is_changed_and_the_rest_stays() {
        let spec: SoftwareGatewayParametersSpec = serde_json::from_value(json!({
            "proxyProtocol": {"requiredFrom": ["10.0.0.0/8"]},
            "forwarding": {"trustedHops": 2},
            "limits": {"headerBytes": 8192, "bodyBytes": 0, "bodyBytesPerSecond": 0},
            "timeouts": {"idle": "1m30s", "externalAuth": "250ms"},
        }))
        .unwrap();
        let base = ProxyOptions::default();
        let options = options(&base, &spec);
        assert_eq!(options.proxy_protocol_from, ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(options.forwarding.trusted_hops, 2);
        assert_eq!(
            (options.limits.head_bytes, options.limits.body_bytes),
            (8192, Some(0))
        );
        assert_eq!(options.timeouts.idle, Duration::from_secs(90));
        assert_eq!(options.limits.body_rate, 0);
        assert_eq!(options.timeouts.external_auth, Duration::from_millis(250));
        assert_eq!(options.timeouts.body, base.timeouts.body);
        assert_eq!(options.limits.head_fields, base.limits.head_fields);
    }

    #[test]
    fn proxies_with_the_key_of_one_gateway_read_each_others_sessions() {
        use gatewright_proxy::policy::SessionToken;
        let gateway = ObjectName::new("shop", "edge");
        let options = |byte: u8| {
            let own = Own {
                session_key: Some(Secret::new([byte; 32])),
                ..Own::default()
            };
            let mut known = GatewayOptions::new(ProxyOptions::default());
            let first = known.of(&gateway, &own).unwrap();
            assert!(Arc::ptr_eq(&first, &known.of(&gateway, &own).unwrap()));
            first
        };
        let scope = [3; 32];
        let token = SessionToken::new("10.0.0.1:80".parse().unwrap(), 5);
        let sealed = options(1).session_key.seal(&token, &scope);
        let opened = |by: Arc<ProxyOptions>| by.session_key.open(sealed.as_bytes(), &scope);
        assert_eq!(opened(options(1)), Some(token.clone()));
        assert_eq!(opened(options(2)), None);
        let none = GatewayOptions::new(ProxyOptions::default()).of(&gateway, &Own::default());
        assert!(
            none.is_none(),
            "without anything of its own it has the options of the process"
        );
    }
}
