use super::samples::{self, issued, secret, self_signed};
use super::*;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

fn message(certificate: &str, key: &str) -> String {
    check(&secret(certificate, key)).unwrap_err().to_string()
}

#[test]
fn accepts_each_usable_kind_of_key() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let (certificate, key) = self_signed(&["a.example.com"], algorithm);
        let checked = check(&secret(&certificate, &key)).unwrap();
        assert_eq!(
            checked.certificate.names,
            ["a.example.com".into()],
            "{algorithm:?}"
        );
    }
}

#[test]
fn accepts_pkcs1_and_sec1_keys_with_their_parameter_blocks() {
    assert!(samples::P256_SEC1_KEY.contains("EC PARAMETERS"));
    check(&secret(samples::RSA2048_CRT, samples::RSA2048_PKCS1_KEY)).unwrap();
    check(&secret(samples::P256_CRT, samples::P256_SEC1_KEY)).unwrap();
}

#[test]
fn names_are_lower_case_alternatives_or_else_the_common_name() {
    let rsa = check(&secret(samples::RSA2048_CRT, samples::RSA2048_PKCS1_KEY)).unwrap();
    assert_eq!(
        rsa.certificate.names,
        ["*.rsa.example.com".into(), "rsa.example.com".into()]
    );
    let ec = check(&secret(samples::P256_CRT, samples::P256_SEC1_KEY)).unwrap();
    assert_eq!(ec.certificate.names, ["only-common-name.example.com".into()]);
}

#[test]
fn fingerprint_is_the_sha256_of_the_leaf() {
    // openssl x509 -in rsa2048.crt -noout -fingerprint -sha256
    let checked = check(&secret(samples::RSA2048_CRT, samples::RSA2048_PKCS1_KEY)).unwrap();
    assert_eq!(
        &*checked.certificate.fingerprint,
        include_str!("testdata/rsa2048.sha256").trim()
    );
}

#[test]
fn refuses_other_secret_types_and_takes_opaque_ones() {
    let (certificate, key) = self_signed(&["a.example.com"], &rcgen::PKCS_ED25519);
    let mut object = secret(&certificate, &key);
    object.type_ = Some("Opaque".into());
    check(&object).unwrap();
    object.type_ = None;
    check(&object).unwrap();
    object.type_ = Some("kubernetes.io/dockerconfigjson".into());
    let text = check(&object).unwrap_err().to_string();
    assert!(
        text.contains("ns/tls") && text.contains("dockerconfigjson") && text.contains("kubernetes.io/tls"),
        "{text}"
    );
}

#[test]
fn string_data_counts_as_data_and_wins() {
    let (certificate, key) = self_signed(&["a.example.com"], &rcgen::PKCS_ED25519);
    let mut object = secret("nonsense", "nonsense");
    object.string_data = Some([("tls.crt".to_owned(), certificate), ("tls.key".to_owned(), key)].into());
    check(&object).unwrap();
}

#[test]
fn each_fault_has_its_own_words() {
    let (certificate, key) = self_signed(&["a.example.com"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let (other, other_key) = self_signed(&["b.example.com"], &rcgen::PKCS_ECDSA_P384_SHA384);
    let cases: [(&str, &str, &str); 14] = [
        // GatewayInvalidTLSConfiguration: malformed data.
        ("Hello world\n", &key, "\"tls.crt\" holds no PEM certificate"),
        ("", &key, "no data \"tls.crt\""),
        (&certificate, "", "no data \"tls.key\""),
        (
            &certificate,
            "Hello world\n",
            "\"tls.key\" holds no PEM private key",
        ),
        (&certificate, &certificate, "\"tls.key\" holds no PEM private key"),
        (&certificate, &other_key, "does not match the certificate"),
        (&format!("{other}{certificate}"), &key, "belongs to certificate 2"),
        (
            &certificate,
            &format!("{key}{other_key}"),
            "more than one private key",
        ),
        (samples::RSA1024_CRT, samples::RSA1024_KEY, "RSA key of 1024 bits"),
        (
            samples::ED448_CRT,
            samples::ED448_KEY,
            "not a supported private key",
        ),
        (
            samples::P256_CRT,
            samples::SECP256K1_KEY,
            "not a supported private key",
        ),
        (
            samples::P256_CRT,
            samples::ENCRYPTED_PKCS8_KEY,
            "encrypted with a passphrase",
        ),
        (
            samples::RSA2048_CRT,
            samples::ENCRYPTED_PKCS1_KEY,
            "encrypted with a passphrase",
        ),
        (
            samples::V1_CRT,
            samples::P256_SEC1_KEY,
            "not an X.509 version 3 certificate",
        ),
    ];
    for (certificate, key, expected) in cases {
        let text = message(certificate, key);
        assert!(
            text.contains(expected) && text.contains("ns/tls"),
            "expected \"{expected}\" in \"{text}\""
        );
    }
}

#[test]
fn broken_base64_and_der_are_told_apart() {
    let broken_pem = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let broken_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let (certificate, key) = self_signed(&["a.example.com"], &rcgen::PKCS_ED25519);
    assert!(message(broken_pem, &key).contains("not valid PEM"));
    assert!(message(broken_der, &key).contains("certificate 1 of \"tls.crt\" is no X.509 certificate"));
    assert!(message(&certificate, broken_key).contains("damaged"));
}

#[test]
fn no_message_holds_key_material() {
    let (certificate, _) = self_signed(&["a.example.com"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let (_, key) = self_signed(&["b.example.com"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let line = key.lines().nth(1).unwrap();
    let error = check(&secret(&certificate, &key)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(line));
    let checked = check(&secret(samples::P256_CRT, samples::P256_SEC1_KEY)).unwrap();
    assert!(format!("{checked:?}").contains("<redacted>"));
}

#[test]
fn oversized_data_is_refused_unread() {
    let text = message(&"x".repeat(1024 * 1024 + 1), "k");
    assert!(text.contains("1048577 bytes"), "{text}");
}

#[test]
fn a_chain_is_kept_in_order_and_a_broken_one_is_noted() {
    let (leaf, authority, key) = issued("a.example.com");
    let good = check(&secret(&format!("{leaf}{authority}"), &key)).unwrap();
    assert_eq!(good.certificate.chain.len(), 2);
    let now = good.not_before + 1;
    assert_eq!(good.warnings(now), []);
    let (_, stranger, _) = issued("b.example.com");
    // Same authority name, so make a chain whose second entry is a leaf of another name.
    let (unrelated, _) = self_signed(&["c.example.com"], &rcgen::PKCS_ED25519);
    let bad = check(&secret(&format!("{leaf}{unrelated}{stranger}"), &key)).unwrap();
    assert_eq!(bad.warnings(now), [Warning::ChainOrder(1)]);
}

#[test]
fn validity_is_a_notice_that_depends_on_the_clock_alone() {
    let checked = check(&secret(samples::RSA2048_CRT, samples::RSA2048_PKCS1_KEY)).unwrap();
    let (start, end) = (checked.not_before, checked.certificate.not_after);
    assert_eq!(checked.warnings(start - 1), [Warning::NotYetValid(start)]);
    assert_eq!(checked.warnings(start), []);
    assert_eq!(checked.warnings(end - 14 * 24 * 3600), []);
    assert_eq!(
        checked.warnings(end - 14 * 24 * 3600 + 1),
        [Warning::ExpiresSoon(end)]
    );
    assert_eq!(checked.warnings(end + 1), [Warning::Expired(end)]);
    assert_eq!(Warning::Expired(0).to_string(), "expired at 1970-01-01T00:00:00Z");
}

fn config_map(text: Option<&str>) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            namespace: Some("ns".into()),
            name: Some("ca".into()),
            ..ObjectMeta::default()
        },
        data: text.map(|text| [("ca.crt".to_owned(), text.to_owned())].into()),
        ..ConfigMap::default()
    }
}

#[test]
fn bundles_are_read_from_each_kind_of_object() {
    let (_, one, _) = issued("a.example.com");
    let (_, two, _) = issued("b.example.com");
    let text = format!("# comment\n{one}{two}{one}");
    let bundle = from_config_map(&config_map(Some(&text))).unwrap();
    assert_eq!(bundle.len(), 2, "duplicates are dropped");
    let mut binary = config_map(None);
    binary.binary_data = Some([("ca.crt".to_owned(), ByteString(text.clone().into_bytes()))].into());
    assert_eq!(from_config_map(&binary).unwrap(), bundle);
    let object = Secret {
        data: Some([("ca.crt".to_owned(), ByteString(text.clone().into_bytes()))].into()),
        ..Secret::default()
    };
    assert_eq!(from_secret(&object).unwrap(), bundle);
    assert_eq!(from_cluster_trust_bundle("x", &text).unwrap(), bundle);
}

#[test]
fn invalid_bundles_are_named() {
    // BackendTLSPolicyInvalidCACertificateRef: a ConfigMap without ca.crt.
    let missing = from_config_map(&config_map(None)).unwrap_err().to_string();
    assert_eq!(
        missing,
        "ConfigMap ns/ca has no data \"ca.crt\" with PEM certificates"
    );
    let text = from_config_map(&config_map(Some("hello")))
        .unwrap_err()
        .to_string();
    assert!(text.contains("holds no PEM certificate"), "{text}");
    let good = issued("a.example.com").1;
    let mixed = format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let text = from_config_map(&config_map(Some(&mixed)))
        .unwrap_err()
        .to_string();
    assert!(text.contains("block 2"), "{text}");
    // GEP-5075, section "Support and Validation", 2: empty is invalid.
    let text = from_cluster_trust_bundle("x", " \n").unwrap_err().to_string();
    assert_eq!(
        text,
        "ClusterTrustBundle x has no data \"spec.trustBundle\" with PEM certificates"
    );
}

fn host(name: &str, port: u16, hostname: &str, names: &[&str]) -> TlsHost {
    TlsHost {
        listener: ListenerKey {
            parent: ListenerParent::Gateway(ObjectName::new("ns", "gw")),
            name: name.into(),
        },
        port,
        hostname: HostPattern::parse(hostname),
        names: names.iter().map(|name| (*name).into()).collect(),
    }
}

fn overlaps(hosts: &[TlsHost]) -> Vec<(String, OverlapKind)> {
    overlapping(hosts)
        .into_iter()
        .map(|(key, overlap)| (key.name.to_string(), overlap.kind))
        .collect()
}

#[test]
fn the_example_of_the_specification_overlaps_a_and_c() {
    let hosts = [
        host("a", 443, "foo.example.com", &[]),
        host("b", 443, "foo.example.org", &[]),
        host("c", 443, "*.example.com", &[]),
    ];
    assert_eq!(
        overlaps(&hosts),
        [
            ("a".into(), OverlapKind::Hostnames),
            ("c".into(), OverlapKind::Hostnames)
        ]
    );
}

#[test]
fn only_listeners_of_one_port_overlap() {
    assert_eq!(
        overlaps(&[
            host("a", 443, "x.example.com", &[]),
            host("b", 8443, "x.example.com", &[])
        ]),
        []
    );
}

#[test]
fn certificates_that_name_the_other_host_win_over_hostnames() {
    let hosts = [
        host("a", 443, "*.example.com", &["*.example.com"]),
        host("b", 443, "foo.example.com", &["foo.example.com"]),
        host("c", 443, "", &["other.example.org"]),
    ];
    assert_eq!(
        overlaps(&hosts),
        [
            ("a".into(), OverlapKind::Certificates),
            ("b".into(), OverlapKind::Certificates),
            ("c".into(), OverlapKind::Hostnames)
        ]
    );
}
