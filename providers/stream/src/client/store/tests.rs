use super::Store;
use crate::client::{Assembler, Assigned, ClientLimits};
use crate::part::{Content, Head};
use crate::scope::Scope;
use crate::settings::GatewaySettings;
use gatewright_model::LoadBalancer;
use gatewright_model::balancer::Infrastructure;
use gatewright_model::certificate::{Certificate, Secret};
use gatewright_model::key::{CertificateKey, ObjectName};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

fn balancer() -> Arc<LoadBalancer> {
    let head = Head {
        class: "c".into(),
        controller: "gatewright.dev/software".into(),
        addresses: Vec::new(),
        infrastructure: Infrastructure::default(),
        backend_client_certificate: None,
        tracing: None,
    };
    let mut balancer = head.balancer(ObjectName::new("a", "gw"));
    for number in 0..3 {
        let certificate = Certificate {
            key: CertificateKey(ObjectName::new("a", &number.to_string())),
            chain: vec![Arc::from(&b"chain"[..])],
            private_key: Secret::new(*b"private"),
            fingerprint: "00".into(),
            names: Vec::new(),
            not_after: 0,
        };
        balancer
            .certificates
            .insert(certificate.key.clone(), Arc::new(certificate));
    }
    Arc::new(balancer)
}

fn store(folder: &Path, version: &str, limits: ClientLimits) -> Store {
    Store::open(folder, Scope::Class("c".into()), version, limits).unwrap()
}

fn saved(folder: &Path) -> Vec<Assigned> {
    let configuration = vec![Assigned {
        balancer: balancer(),
        settings: Arc::new(GatewaySettings {
            parameters: Some("{}".into()),
            session_key: Some(Secret::new([9; 32])),
            ..GatewaySettings::default()
        }),
    }];
    store(folder, "1", ClientLimits::default())
        .save("session", 7, &configuration)
        .unwrap();
    configuration
}

fn position(assembler: &Assembler) -> (&str, u64) {
    (assembler.session(), assembler.revision())
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = TempDir::new().unwrap();
    let empty = store(folder.path(), "1", ClientLimits::default()).load();
    assert!(empty.unwrap().is_none());
    let configuration = saved(folder.path());
    let loaded = store(folder.path(), "1", ClientLimits::default())
        .load()
        .unwrap()
        .unwrap();
    assert_eq!(loaded.configuration(), configuration);
    assert_eq!(position(&loaded), ("session", 7));
    // Saving again replaces it; what a crash left behind is no obstacle.
    fs::write(folder.path().join("last-good.new"), "half").unwrap();
    store(folder.path(), "1", ClientLimits::default())
        .save("session", 8, &[])
        .unwrap();
    let loaded = store(folder.path(), "1", ClientLimits::default())
        .load()
        .unwrap()
        .unwrap();
    assert_eq!(
        (loaded.configuration(), position(&loaded)),
        (Vec::new(), ("session", 8))
    );
}

/// Another version reads the content but claims no position: it may understand more of it.
#[test]
fn another_version_claims_no_position() {
    let folder = TempDir::new().unwrap();
    let configuration = saved(folder.path());
    let loaded = store(folder.path(), "2", ClientLimits::default())
        .load()
        .unwrap()
        .unwrap();
    assert_eq!((loaded.configuration(), loaded.session()), (configuration, ""));
}

/// A damaged or cut file is refused; a proxy never starts on half a configuration.
#[test]
fn damage_is_found() {
    let folder = TempDir::new().unwrap();
    let configuration = saved(folder.path());
    let store = store(folder.path(), "1", ClientLimits::default());
    let file = folder.path().join("last-good");
    let bytes = fs::read(&file).unwrap();
    for length in 0..bytes.len() {
        fs::write(&file, &bytes[..length]).unwrap();
        assert!(store.load().is_err(), "cut at {length}");
    }
    let mut harmless = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        // The header may have come to name another scope: then there is nothing either.
        if let Ok(Some(loaded)) = store.load() {
            assert_eq!(loaded.configuration(), configuration, "a flipped bit at {at}");
            assert_eq!(position(&loaded), ("session", 7), "a flipped bit at {at}");
            harmless += 1;
        }
    }
    // The compressed format's header, and padding, say nothing of the content.
    assert!(harmless <= 11, "{harmless}");
}

/// A file that unpacks to more than the limits allow is given up early.
#[test]
fn a_file_cannot_claim_more_than_the_limits() {
    let folder = TempDir::new().unwrap();
    saved(folder.path());
    for limits in [
        ClientLimits {
            bytes: 100,
            ..ClientLimits::default()
        },
        ClientLimits {
            parts: 2,
            ..ClientLimits::default()
        },
        ClientLimits {
            message: 64,
            ..ClientLimits::default()
        },
    ] {
        assert!(store(folder.path(), "1", limits).load().is_err());
    }
}

/// Everything of a load balancer comes back, part by part.
#[test]
fn a_head_holds_everything_outside_of_the_maps() {
    let balancer = balancer();
    let Content::Head(head) = Content::Head(Box::new(Head::of(&balancer))) else {
        unreachable!();
    };
    let mut back = head.balancer(balancer.gateway.clone());
    back.certificates.clone_from(&balancer.certificates);
    assert_eq!(back, *balancer);
}
