//! Trust stores: `API_CreateTrustStore` and its like.

use super::{Bench, fixed, text};
use crate::state::Account;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::generate_simple_self_signed;
use serde_json::{Value, json};

const BUCKET: &str = "gatewright-trust-111122223333";

fn put(bench: &mut Bench, key: &str, body: &str) {
    let (_, handler) = crate::s3::OPERATIONS
        .iter()
        .find(|(name, _)| *name == "PutObject")
        .unwrap();
    let input = json!({"Bucket": BUCKET, "Key": key, "Body": STANDARD.encode(body)});
    let account: &mut Account = &mut bench.account;
    handler(account, &bench.context, &input).unwrap();
}

fn authority() -> String {
    generate_simple_self_signed(["clients.example".to_owned()])
        .unwrap()
        .cert
        .pem()
}

fn create(name: &str, key: &str) -> Value {
    json!({
        "Name": name,
        "CaCertificatesBundleS3Bucket": BUCKET,
        "CaCertificatesBundleS3Key": key,
        "Tags": [{"Key": "a", "Value": "b"}],
    })
}

fn https(bench: &mut Bench, balancer: &str, store: &str) -> Value {
    let certificate = super::listeners::certificate(bench, "a.example.com");
    json!({
        "LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443,
        "Certificates": [{"CertificateArn": certificate}],
        "MutualAuthentication": {"Mode": "verify", "TrustStoreArn": store},
        "DefaultActions": [fixed("404")],
    })
}

#[test]
fn a_trust_store_is_made_of_a_bundle_that_lies_in_s3() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.code("CreateTrustStore", create("ours", "none.pem")),
        "CaCertificatesBundleNotFound"
    );
    put(&mut bench, "bad.pem", "no certificate");
    assert_eq!(
        bench.code("CreateTrustStore", create("ours", "bad.pem")),
        "InvalidCaCertificatesBundle"
    );
    put(&mut bench, "ca.pem", &format!("{}{}", authority(), authority()));
    assert_eq!(
        bench.code("CreateTrustStore", create("-ours", "ca.pem")),
        "ValidationError"
    );
    let made = bench.ok("CreateTrustStore", create("ours", "ca.pem"));
    let store = &made["TrustStores"][0];
    assert_eq!(
        (&store["Status"], &store["NumberOfCaCertificates"]),
        (&json!("CREATING"), &json!(2))
    );
    let arn = text(&store["TrustStoreArn"]);
    assert!(arn.contains(":truststore/ours/"), "{arn}");
    assert_eq!(
        bench.code("CreateTrustStore", create("ours", "ca.pem")),
        "DuplicateTrustStoreName"
    );
    let tags = bench.ok("DescribeTags", json!({"ResourceArns": [arn]}));
    assert_eq!(
        tags["TagDescriptions"][0]["Tags"],
        json!([{"Key": "a", "Value": "b"}])
    );
    for number in 1..20 {
        bench.ok("CreateTrustStore", create(&format!("more-{number}"), "ca.pem"));
    }
    assert_eq!(
        bench.code("CreateTrustStore", create("one-more", "ca.pem")),
        "TooManyTrustStores"
    );
}

#[test]
fn a_listener_checks_by_a_store_that_is_active_and_keeps_it() {
    let mut bench = Bench::new();
    put(&mut bench, "ca.pem", &authority());
    let balancer = bench.balancer("shop");
    let nowhere = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:truststore/theirs/0123456789abcdef";
    // The certificate of the listener is issued before the trust store is made.
    let mut wanted = https(&mut bench, &balancer, nowhere);
    assert_eq!(bench.code("CreateListener", wanted.clone()), "TrustStoreNotFound");
    let made = bench.ok("CreateTrustStore", create("ours", "ca.pem"));
    let arn = text(&made["TrustStores"][0]["TrustStoreArn"]);
    wanted["MutualAuthentication"]["TrustStoreArn"] = json!(arn);
    assert_eq!(bench.code("CreateListener", wanted.clone()), "TrustStoreNotReady");
    bench.context.now += 1000;
    let told = bench.ok("DescribeTrustStores", json!({"Names": ["ours"]}));
    assert_eq!(told["TrustStores"][0]["Status"], "ACTIVE");
    let listener = bench.ok("CreateListener", wanted);
    let listener = &listener["Listeners"][0];
    assert_eq!(
        listener["MutualAuthentication"],
        json!({
            "Mode": "verify",
            "TrustStoreArn": arn,
            "IgnoreClientCertificateExpiry": false,
            "AdvertiseTrustStoreCaNames": "off",
        })
    );
    let store = json!({"TrustStoreArn": arn});
    assert_eq!(bench.code("DeleteTrustStore", store.clone()), "TrustStoreInUse");
    let off = json!({"ListenerArn": listener["ListenerArn"], "MutualAuthentication": {"Mode": "off"}});
    bench.ok("ModifyListener", off);
    bench.ok("DeleteTrustStore", store.clone());
    assert_eq!(bench.code("DeleteTrustStore", store), "TrustStoreNotFound");
}

/// "Number of listeners using mutual TLS verify mode per Application Load Balancer": 2 (`guide/load-balancer-limits`).
#[test]
fn two_listeners_of_a_load_balancer_verify() {
    let mut bench = Bench::new();
    put(&mut bench, "ca.pem", &authority());
    let made = bench.ok("CreateTrustStore", create("ours", "ca.pem"));
    let store = text(&made["TrustStores"][0]["TrustStoreArn"]);
    let balancer = bench.balancer("shop");
    let on = |bench: &mut Bench, port: u16, mode: &str| {
        let mut input = https(bench, &balancer, &store);
        input["Port"] = json!(port);
        if mode != "verify" {
            input["MutualAuthentication"] = json!({"Mode": mode});
        }
        input
    };
    let first = on(&mut bench, 1, "verify");
    let first = text(&bench.ok("CreateListener", first)["Listeners"][0]["ListenerArn"]);
    let second = on(&mut bench, 2, "verify");
    bench.ok("CreateListener", second);
    let third = on(&mut bench, 3, "verify");
    assert_eq!(bench.code("CreateListener", third), "TooManyListeners");
    // Others are not counted.
    let third = on(&mut bench, 3, "passthrough");
    let third = text(&bench.ok("CreateListener", third)["Listeners"][0]["ListenerArn"]);
    let verify = |listener: &str| json!({"ListenerArn": listener, "MutualAuthentication": {"Mode": "verify", "TrustStoreArn": store}});
    assert_eq!(bench.code("ModifyListener", verify(&third)), "TooManyListeners");
    // One that verifies already may be changed, and makes room when it stops.
    bench.ok("ModifyListener", verify(&first));
    bench.ok(
        "ModifyListener",
        json!({"ListenerArn": first, "MutualAuthentication": {"Mode": "off"}}),
    );
    bench.ok("ModifyListener", verify(&third));
}
