//! From manifests to load balancers, as the controller comes to them.

use gatewright_aws_core::alb::before::{Before, Claim, Cognito, Jwt, Login, Oidc};
use gatewright_aws_core::alb::rule::{FixedResponse, Rewrite, Transforms};
use gatewright_aws_core::alb::settings::{
    Approximations, BackendSettings, ClientCertificates, Datagrams, Family, GivenBackend, GivenGroup,
    Ipv6Choice, Node, RouteSettings, Settings, Surroundings,
};
use gatewright_aws_core::certificate::{Found, Origin, State};
use gatewright_aws_core::limits::NlbLimits;
use gatewright_aws_core::network::{IpAddressType, Scheme, Subnet};
use gatewright_aws_core::nlb::settings as nlb;
use gatewright_aws_core::secret::Secret;
use gatewright_aws_core::target_group::{Fixed, ProtocolVersion, TargetKind};
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::{BundleVersion, ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::{Change, Kind, Object};
use gatewright_core::{Engine, EngineOptions};
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use gatewright_model::{LoadBalancer, Str};
use gatewright_validation::{Bundle, Channel, Mode, Validator};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| Validator::new(Bundle::default(), Channel::default(), Mode::Strict));

/// Load balancers by Gateway. What an API server would refuse is a mistake in the golden.
pub(crate) fn balancers(defaults: &str, manifests: &str) -> BTreeMap<ObjectName, LoadBalancer> {
    let mut objects = Vec::new();
    for text in [defaults, manifests] {
        let loaded = VALIDATOR.load("golden.yaml", text.as_bytes());
        let errors: Vec<String> = loaded
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
        for object in loaded.objects {
            let Some(kind) = Kind::find(&object.gvk.group, &object.gvk.kind) else {
                continue;
            };
            let mut value = object.value;
            let metadata = value["metadata"].as_object_mut().unwrap();
            metadata.entry("generation").or_insert(json!(1));
            let age = NOW - 3600 + i64::try_from(objects.len()).unwrap();
            let created = jiff::Timestamp::from_second(age).unwrap().to_string();
            metadata.entry("creationTimestamp").or_insert(json!(created));
            objects.push(Change::Upsert(Arc::new(Object::read(kind, value).unwrap())));
        }
    }
    let profile = |controller: &str, parameters| ClassProfile {
        controller: controller.into(),
        features: vec!["Gateway".into(), "HTTPRoute".into()],
        parameters,
        // The core refuses what the class cannot have before it is lowered; here it is shown what lowering makes of it.
        reach: Reach::Everything,
    };
    let mut engine = Engine::new(EngineOptions {
        profiles: vec![
            profile("gatewright.dev/software", ParametersKind::None),
            profile("gatewright.dev/aws-alb", ParametersKind::AwsAlb),
            profile("gatewright.dev/aws-nlb", ParametersKind::AwsAlb),
        ],
        bundle: BundleVersion::Known("v1.7.0".into()),
        routability: true,
        backends: BackendOptions::default(),
        trust_bundles: true,
    });
    engine.update(objects, jiff::Timestamp::from_second(NOW).unwrap());
    engine
        .balancers()
        .map(|(gateway, balancer)| (gateway.clone(), LoadBalancer::clone(balancer)))
        .collect()
}

/// What the line `# settings:` of a golden asks for.
pub(crate) fn settings(manifests: &str) -> Settings {
    let mut settings = Settings::new("main");
    let line = manifests
        .lines()
        .find_map(|line| line.strip_prefix("# settings: "));
    for word in line.into_iter().flat_map(|line| line.split(", ")) {
        match word {
            "strict" => settings.approximations = Approximations::Refuse,
            "instance" => settings.targets.kind = TargetKind::Instance,
            "nodes of pool a" => {
                settings.targets.kind = TargetKind::Instance;
                settings.targets.node_labels = [("pool".into(), "a".into())].into();
            }
            "ipv6" => settings.family = Family::V6,
            "ipv6 addresses" => {
                let choice = |address: &str| Ipv6Choice {
                    address: Some(address.parse().unwrap()),
                    source_nat: None,
                };
                settings.ipv6 = [
                    ("subnet-a".into(), choice("2001:db8:0:a::10")),
                    ("subnet-b".into(), choice("2001:db8:0:b::10")),
                ]
                .into();
            }
            "ipv6 elsewhere" => {
                let choice = |address: &str, block: &str| Ipv6Choice {
                    address: Some(address.parse().unwrap()),
                    source_nat: Some(block.parse().unwrap()),
                };
                settings.ipv6 = [
                    (
                        "subnet-a".into(),
                        choice("2001:db8:0:b::10", "2001:db8:0:b:1::/80"),
                    ),
                    (
                        "subnet-c".into(),
                        choice("2001:db8:0:c::10", "2001:db8:0:c:1::/80"),
                    ),
                ]
                .into();
            }
            "source nat" => {
                let of = settings.ipv6.entry("subnet-b".into()).or_default();
                of.source_nat = Some("2001:db8:0:b:1::/80".parse().unwrap());
            }
            "dualstack" => settings.ip_address_type = IpAddressType::Dualstack,
            "without public ipv4" => {
                settings.ip_address_type = IpAddressType::DualstackWithoutPublicIpv4;
            }
            "internet-facing" => settings.scheme = Scheme::InternetFacing,
            "sources" => settings.sources = ["192.0.2.1/24".parse().unwrap()].into(),
            "prefix list" => settings.access.prefix_lists = ["pl-0123456789abcdef0".into()].into(),
            "path mtu" => settings.access.path_mtu = true,
            "without groups" => settings.access.without = true,
            "private link" => settings.access.private_link = Some(false),
            "backend groups" => settings.access.backend_groups = ["sg-0fedcba9876543210".into()].into(),
            "backend rules" => settings.access.backend_rules = Some(true),
            "no backend rules" => settings.access.backend_rules = Some(false),
            "own groups" => settings.security_groups = Some(["sg-0123456789abcdef0".into()].into()),
            "certificate" => {
                let port = settings.ports.entry(443).or_default();
                port.certificates = vec!["arn:aws:acm:eu-central-1:123456789012:certificate/a".into()];
                port.ssl_policy = Some("ELBSecurityPolicy-TLS13-1-3-2021-06".into());
                port.clients = ClientCertificates::Passthrough;
            }
            "listener attributes" => {
                let port = settings.ports.entry(443).or_default();
                port.attributes = [("routing.http.response.server.enabled".into(), "false".into())].into();
            }
            "web acl" => {
                settings.web_acl = Some(
                    "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/shop/0123abcd-0000-4000-8000-000000000000".into(),
                );
            }
            "shield" => settings.shield = true,
            "trust store" => settings.trust_store_bucket = Some("gatewright-trust".into()),
            "verify by arn" => {
                let port = settings.ports.entry(443).or_default();
                port.clients = ClientCertificates::Verify(
                    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:truststore/theirs/0123456789abcdef".into(),
                );
                port.ignore_client_expiry = true;
                port.advertise_authorities = true;
            }
            "missing certificate" => {
                let arn = |id: &str| format!("arn:aws:acm:eu-central-1:123456789012:certificate/{id}").into();
                settings.ports.entry(443).or_default().certificates =
                    vec![arn("pending"), arn("a"), arn("nowhere")];
            }
            of_port if of_port.starts_with("port ") => {
                let (port, what) = of_port["port ".len()..].split_once(' ').unwrap();
                set_port(&mut settings, port.parse().unwrap(), what);
            }
            named if named.starts_with("backend ") => {
                let (at, what) = named["backend ".len()..].split_once(" is ").unwrap();
                let (rule, position) = at.split_once('.').unwrap();
                let route = RouteKey {
                    kind: RouteKind::Http,
                    object: ObjectName::new("shop", "r"),
                };
                let (rule, position) = (rule.parse().unwrap(), position.parse().unwrap());
                settings
                    .backends
                    .insert((route, rule, position), given(rule, position, what));
            }
            asked if asked.starts_with("rule ") => {
                let (rule, what) = asked["rule ".len()..].split_once(" asks ").unwrap();
                let rule: u32 = rule.parse().unwrap();
                let route = RouteKey {
                    kind: RouteKind::Http,
                    object: ObjectName::new("shop", "r"),
                };
                settings.routes.insert((route, rule), asks(rule, what));
            }
            "health" => {
                settings.targets.health.path = Some("/healthz".into());
                settings.targets.health.codes = Some("200-299".into());
                settings.targets.health.interval_s = Some(10);
                settings.targets.attributes =
                    [("deregistration_delay.timeout_seconds".into(), "30".into())].into();
            }
            "target control" => settings.targets.control_port = Some(3000),
            "ipam pool" => settings.ipam_pool = Some("ipam-pool-0123456789abcdef0".into()),
            "customer-owned pool" => {
                settings.customer_owned_pool = Some("ipv4pool-coip-0123456789abcdef0".into());
            }
            "capacity" => settings.capacity = Some(200),
            "elastic tags" => {
                settings.elastic_tags = [("role".into(), ["edge".into()].into())].into();
            }
            "https" => settings.targets.tls = true,
            "checks of lattice" => {
                settings.targets.unfit = [
                    "healthCheck.enabled: false".into(),
                    "healthCheck.protocolVersion".into(),
                ]
                .into();
            }
            "zones of near apart" => {
                let mut own = settings.targets.clone();
                own.attributes = [("load_balancing.cross_zone.enabled".into(), "false".into())].into();
                settings.services.insert(ObjectName::new("shop", "near"), own);
            }
            "overruled" => {
                settings.overruled = ["scheme".into(), "listeners[port=443].sslPolicy".into()].into();
            }
            "cross-zone" => settings.cross_zone = Some(true),
            "client ip" => settings.targets.client_ip = Some(true),
            "no client ip" => settings.targets.client_ip = Some(false),
            "proxy" => settings.targets.proxy_protocol = Some(true),
            "quic" => settings.ports.entry(443).or_default().datagrams = Datagrams::Quic,
            "gateway" => {
                settings.ports.entry(5672).or_default().gateway = Some(ObjectName::new("shop", "web"));
            }
            "gateway on three ports" => {
                for port in [80, 443, 8080] {
                    settings.ports.entry(port).or_default().gateway = Some(ObjectName::new("shop", "web"));
                }
            }
            "alpn" => settings.ports.entry(443).or_default().alpn = Some("HTTP2Preferred".into()),
            "tags" => settings.tags = [("team".into(), "a".into()), ("cost".into(), "b".into())].into(),
            other => panic!("{other} is no setting of goldens"),
        }
    }
    settings
}

/// What `listeners[]` of the parameters says of a port.
fn set_port(settings: &mut Settings, port: u16, what: &str) {
    if what == "is nowhere" {
        settings.strays.insert(port);
        return;
    }
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:truststore/theirs/0123456789abcdef";
    let of_port = settings.ports.entry(port).or_default();
    match what {
        "has a policy" => of_port.ssl_policy = Some("ELBSecurityPolicy-TLS13-1-3-2021-06".into()),
        "has a certificate" => {
            of_port.certificates = vec!["arn:aws:acm:eu-central-1:123456789012:certificate/a".into()];
        }
        "passes clients on" => of_port.clients = ClientCertificates::Passthrough,
        "checks clients" => of_port.clients = ClientCertificates::Verify(arn.into()),
        "ignores expiry" => of_port.ignore_client_expiry = true,
        "names authorities" => of_port.advertise_authorities = true,
        "has alpn" => of_port.alpn = Some("HTTP2Preferred".into()),
        "is quic" => of_port.datagrams = Datagrams::Quic,
        "leads to a gateway" => of_port.gateway = Some(ObjectName::new("shop", "web")),
        other => panic!("{other} is no setting of a port in goldens"),
    }
}

fn node(name: &str, instance: &str, pool: &str) -> (Str, Node) {
    let node = Node {
        instance: instance.into(),
        labels: [("pool".into(), pool.into())].into(),
    };
    (name.into(), node)
}

/// What an AwsBackend says.
fn given(rule: u32, position: u32, what: &str) -> BackendSettings {
    let function = |multi_value_headers| GivenBackend::Lambda {
        function: "arn:aws:lambda:eu-central-1:123456789012:function:f".into(),
        multi_value_headers,
    };
    BackendSettings {
        field: format!("spec.rules[{rule}].backendRefs[{position}]").into(),
        object: ObjectName::new("shop", "given"),
        what: match what {
            "a function" => function(false),
            "a function with all headers" => function(true),
            group => GivenBackend::Existing(group.into()),
        },
    }
}

/// Target groups that somebody else keeps.
fn groups() -> BTreeMap<Str, Result<GivenGroup, Str>> {
    let group = |name: &str, protocol: &str, version: Option<ProtocolVersion>| {
        let arn = format!(
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/0123456789abcdef"
        );
        let found = GivenGroup {
            arn: arn.into(),
            name: name.into(),
            fixed: Fixed {
                protocol: protocol.into(),
                version,
                port: 80,
                kind: TargetKind::Ip,
                ipv6: false,
                control_port: None,
            },
        };
        (name.into(), Ok(found))
    };
    BTreeMap::from([
        group("theirs", "HTTP", Some(ProtocolVersion::Http1)),
        group("theirs-grpc", "HTTPS", Some(ProtocolVersion::Grpc)),
        group("theirs-tcp", "TCP", None),
        (
            "nowhere".into(),
            Err("does not exist in this account and region".into()),
        ),
    ])
}

/// What AwsRouteParameters say.
fn asks(rule: u32, what: &str) -> RouteSettings {
    let login = Login {
        scope: "openid email".into(),
        session_s: 3600,
        extra: [("prompt".into(), "login".into())].into(),
        ..Login::default()
    };
    let url = |path: &str| format!("https://login.example/{path}").into();
    let before = match what {
        "oidc" => Some(Ok(Before::Oidc(Oidc {
            issuer: url(""),
            authorization_endpoint: url("authorize"),
            token_endpoint: url("token"),
            user_info_endpoint: url("userinfo"),
            client_id: "shop".into(),
            client_secret: Some(Secret::new("hidden".to_owned())),
            login,
        }))),
        "cognito" => Some(Ok(Before::Cognito(Cognito {
            pool: "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a".into(),
            client_id: "0123456789abcdef".into(),
            domain: "shop".into(),
            login: Login::default(),
        }))),
        "jwt" => Some(Ok(Before::Jwt(Jwt {
            jwks_endpoint: url("keys"),
            issuer: url(""),
            claims: vec![Claim {
                name: "aud".into(),
                format: "string-array".into(),
                values: vec!["shop".into(), "orders".into()],
            }],
        }))),
        "jwt and answers" => {
            let mut found = asks(rule, "jwt");
            found.answer = asks(rule, "for nothing").answer;
            return found;
        }
        "a secret that is not there" => Some(Err("Secret shop/login does not exist".into())),
        _ => None,
    };
    let networks: &[&str] = match what {
        "two networks" => &["192.0.2.7/24", "2001:db8::/32"],
        "six networks" => &[
            "192.0.2.0/28",
            "192.0.2.16/28",
            "192.0.2.32/28",
            "192.0.2.48/28",
            "192.0.2.64/28",
            "192.0.2.80/28",
        ],
        _ => &[],
    };
    RouteSettings {
        field: format!("spec.rules[{rule}].filters[0].extensionRef").into(),
        sources: networks.iter().map(|network| network.parse().unwrap()).collect(),
        before,
        answer: match what {
            "for maintenance" => Some(FixedResponse {
                status: 503,
                content_type: "text/html".into(),
                body: "<h1>Back at noon</h1>".into(),
            }),
            "for nothing" => Some(FixedResponse::bare(204)),
            _ => None,
        },
        rewrites: match what {
            "rewrites" => rewrites("^/v[0-9]+/(.*)$"),
            "unreadable rewrites" => rewrites("(?=a)"),
            _ => Transforms::default(),
        },
        redirect_query: (what == "another query").then(|| "from=#{host}&#{query}".into()),
    }
}

fn rewrites(url: &str) -> Transforms {
    Transforms {
        host: Some(Rewrite {
            regex: "^[^.]*".into(),
            replace: "internal".into(),
        }),
        url: Some(Rewrite {
            regex: url.into(),
            replace: "/$1".into(),
        }),
    }
}

/// What is in ACM.
fn certificates() -> Vec<Found> {
    let found = |id: &str, domains: &[&str], state| Found {
        arn: format!("arn:aws:acm:eu-central-1:123456789012:certificate/{id}").into(),
        domains: domains.iter().map(|domain| (*domain).into()).collect(),
        state,
        not_after: Some(NOW + 86_400),
        by: Origin::Users,
    };
    vec![
        found("a", &["a.example"], State::Issued),
        found("shop", &["shop.acm.example"], State::Issued),
        found("wildcard", &["*.acm.example"], State::Issued),
        found("pending", &["pending.example"], State::Pending),
        found("expired", &["expired.example"], State::Unusable("EXPIRED".into())),
    ]
}

/// The account that goldens stand in. A pool of customer-owned addresses is of an Outpost.
pub(crate) fn surroundings(settings: &Settings) -> Surroundings {
    let outpost = settings.customer_owned_pool.is_some();
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.into(),
        zone: zone.into(),
    };
    Surroundings {
        vpc: "vpc-1".into(),
        blocks: ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()].into(),
        subnets: if outpost {
            [subnet("subnet-outpost", "eu-central-1a")].into()
        } else {
            [
                subnet("subnet-a", "eu-central-1a"),
                subnet("subnet-b", "eu-central-1b"),
            ]
            .into()
        },
        outpost,
        certificates: certificates(),
        groups: groups(),
        nodes: [node("node-1", "i-1", "a"), node("node-2", "i-2", "b")].into(),
        ..Surroundings::default()
    }
}

/// The same for Network Load Balancers.
pub(crate) fn network() -> nlb::Surroundings {
    nlb::Surroundings {
        blocks: [
            ("subnet-a".into(), "10.0.0.0/24".parse().unwrap()),
            ("subnet-b".into(), "10.0.1.0/24".parse().unwrap()),
        ]
        .into(),
        elastic: [
            ("203.0.113.1".parse().unwrap(), "eipalloc-1".into()),
            ("203.0.113.2".parse().unwrap(), "eipalloc-2".into()),
            ("203.0.113.3".parse().unwrap(), "eipalloc-3".into()),
        ]
        .into(),
        // The load balancer has the one of allocation 9 already.
        tagged: [
            ("203.0.113.7", "eipalloc-7", None),
            ("203.0.113.9", "eipalloc-9", Some("subnet-a")),
        ]
        .map(|(ip, allocation, at)| {
            let tagged = nlb::Tagged {
                allocation: allocation.into(),
                at: at.map(Into::into),
            };
            (ip.parse().unwrap(), tagged)
        })
        .into(),
        gateways: [(5672, false), (80, false), (443, true)]
            .map(|(port, https)| {
                let arn =
                    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/1".into();
                ((ObjectName::new("shop", "web"), port), nlb::Behind { arn, https })
            })
            .into(),
        blocks6: [
            ("subnet-a".into(), "2001:db8:0:a::/64".parse().unwrap()),
            ("subnet-b".into(), "2001:db8:0:b::/64".parse().unwrap()),
        ]
        .into(),
        beside: false,
        limits: NlbLimits::default(),
        place: surroundings(&Settings::new("main")),
    }
}
