use super::{Bench, fixed, forward, merge, text};
use serde_json::{Value, json};

fn create(balancer: &str, more: Value) -> Value {
    let mut input = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [fixed("404")]});
    merge(&mut input, more);
    input
}

/// An imported certificate.
pub(super) fn certificate(bench: &mut Bench, host: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let input = json!({
        "Certificate": STANDARD.encode(made.cert.pem()),
        "PrivateKey": STANDARD.encode(made.signing_key.serialize_pem()),
    });
    bench.context.now = u64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap();
    let import = crate::acm::OPERATIONS
        .iter()
        .find(|(name, _)| *name == "ImportCertificate")
        .unwrap()
        .1;
    text(&import(&mut bench.account, &bench.context, &input).unwrap()["CertificateArn"])
}

/// `API_CreateListener`: "If you attempt to create multiple listeners with the same settings, each call succeeds";
/// `DuplicateListener`: "A listener with the specified port already exists."
#[test]
fn a_port_is_used_once_and_creation_is_idempotent() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let first = bench.ok("CreateListener", create(&balancer, json!({})));
    assert_eq!(bench.ok("CreateListener", create(&balancer, json!({}))), first);
    let other = create(&balancer, json!({"DefaultActions": [fixed("500")]}));
    assert_eq!(bench.code("CreateListener", other), "DuplicateListener");
    let second = bench.listener(&balancer, 81);
    assert_eq!(
        bench.code("ModifyListener", json!({"ListenerArn": second, "Port": 80})),
        "DuplicateListener"
    );
    bench.ok("ModifyListener", json!({"ListenerArn": second, "Port": 82}));
}

#[test]
fn settings_are_checked() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    for (more, code) in [
        (json!({"Protocol": "TCP"}), "UnsupportedProtocol"),
        (json!({"Protocol": null}), "ValidationError"),
        (json!({"Port": null}), "ValidationError"),
        (json!({"Protocol": "HTTPS"}), "ValidationError"),
        (
            json!({"SslPolicy": "ELBSecurityPolicy-2016-08"}),
            "ValidationError",
        ),
        (json!({"AlpnPolicy": ["HTTP2Only"]}), "ValidationError"),
        (
            json!({"Certificates": [{"CertificateArn": "a"}]}),
            "ValidationError",
        ),
        (
            json!({"Protocol": "HTTPS", "Certificates": [{"CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/x"}]}),
            "CertificateNotFound",
        ),
        (
            json!({"LoadBalancerArn": format!("{balancer}x")}),
            "LoadBalancerNotFound",
        ),
    ] {
        let input = create(&balancer, more.clone());
        assert_eq!(bench.code("CreateListener", input), code, "{more}");
    }
}

#[test]
fn https_listeners_have_a_certificate_a_policy_and_a_list() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let (first, second) = (
        certificate(&mut bench, "a.example.com"),
        certificate(&mut bench, "b.example.com"),
    );
    let https = |more: Value| {
        let mut input = create(
            &balancer,
            json!({"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": first}]}),
        );
        merge(&mut input, more);
        input
    };
    assert_eq!(
        bench.code("CreateListener", https(json!({"SslPolicy": "bogus"}))),
        "SSLPolicyNotFound"
    );
    assert_eq!(
        bench.code(
            "CreateListener",
            https(json!({"MutualAuthentication": {"Mode": "verify"}}))
        ),
        "ValidationError"
    );
    let told = bench.ok("CreateListener", https(json!({})));
    let told = &told["Listeners"][0];
    assert_eq!(told["SslPolicy"], "ELBSecurityPolicy-2016-08");
    assert_eq!(told["Certificates"], json!([{"CertificateArn": first}]));
    assert_eq!(told["MutualAuthentication"], json!({"Mode": "off"}));
    let arn = text(&told["ListenerArn"]);
    let one =
        |certificate: &str| json!({"ListenerArn": arn, "Certificates": [{"CertificateArn": certificate}]});
    bench.ok("AddListenerCertificates", one(&second));
    bench.ok("AddListenerCertificates", one(&second));
    let listed = bench.ok("DescribeListenerCertificates", json!({"ListenerArn": arn}));
    assert_eq!(
        listed["Certificates"],
        json!([{"CertificateArn": first, "IsDefault": true}, {"CertificateArn": second, "IsDefault": false}])
    );
    assert_eq!(
        bench.code("RemoveListenerCertificates", one(&first)),
        "OperationNotPermitted"
    );
    assert_eq!(bench.account.acm.used_by(&second), [balancer.as_str()]);
    bench.ok("RemoveListenerCertificates", one(&second));
    assert!(bench.account.acm.used_by(&second).is_empty());
    bench
        .account
        .elb
        .limits
        .set("certificates-per-application-load-balancer", 0);
    assert_eq!(
        bench.code("AddListenerCertificates", one(&second)),
        "TooManyCertificates"
    );
    // A certificate that is not issued cannot be used.
    bench
        .account
        .acm
        .force_status(&second, Some("PENDING_VALIDATION".to_owned()))
        .unwrap();
    assert_eq!(
        bench.code("ModifyListener", one(&second)),
        "UnsupportedCertificate"
    );
}

/// `API_ModifyListener`: "Changing the protocol from HTTPS to HTTP removes the security policy and default certificate
/// properties. If you change the protocol from HTTP to HTTPS you must add the security policy and default certificate
/// properties."
#[test]
fn a_change_of_protocol_changes_what_belongs_to_it() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let own = certificate(&mut bench, "a.example.com");
    let arn = bench.listener(&balancer, 80);
    let to = |more: Value| {
        let mut input =
            json!({"ListenerArn": arn, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": own}]});
        merge(&mut input, more);
        input
    };
    assert_eq!(bench.code("ModifyListener", to(json!({}))), "ValidationError");
    bench.ok(
        "ModifyListener",
        to(json!({"SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"})),
    );
    let grpc = bench.group_with("grpc", json!({"ProtocolVersion": "GRPC"}));
    let rule = json!({"ListenerArn": arn, "Priority": 1, "Conditions": [super::path("/a")], "Actions": [forward(&grpc)]});
    let rule = text(&bench.ok("CreateRule", rule)["Rules"][0]["RuleArn"]);
    assert_eq!(
        bench.code("ModifyListener", json!({"ListenerArn": arn, "Protocol": "HTTP"})),
        "IncompatibleProtocols"
    );
    bench.ok("DeleteRule", json!({"RuleArn": rule}));
    let told = bench.ok("ModifyListener", json!({"ListenerArn": arn, "Protocol": "HTTP"}));
    assert!(
        told["Listeners"][0].get("SslPolicy").is_none() && told["Listeners"][0].get("Certificates").is_none()
    );
    assert!(bench.account.acm.used_by(&own).is_empty());
}

#[test]
fn default_actions_are_checked_and_replaced() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let arn = bench.listener(&balancer, 80);
    let missing = json!({"ListenerArn": arn, "DefaultActions": [forward("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/a/b")]});
    assert_eq!(bench.code("ModifyListener", missing), "TargetGroupNotFound");
    let told = bench.ok(
        "ModifyListener",
        json!({"ListenerArn": arn, "DefaultActions": [fixed("503")]}),
    );
    assert_eq!(
        told["Listeners"][0]["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"],
        "503"
    );
    assert_eq!(
        bench.code("DeleteListener", json!({"ListenerArn": format!("{arn}x")})),
        "ListenerNotFound"
    );
    assert_eq!(bench.code("DescribeListeners", json!({})), "ValidationError");
}
