//! Load balancers as they travel to proxies: binary formats carry everything, formats for people redact.

use crate::goldens::all;
use crate::goldens::world::{engine, load, now};
use gatewright_core::snapshot::Change;
use gatewright_model::LoadBalancer;
use std::sync::Arc;

/// The load balancers of every golden.
fn balancers() -> impl Iterator<Item = (String, Vec<Arc<LoadBalancer>>)> {
    all().into_iter().map(|golden| {
        let (objects, _) = load(&[&golden.defaults, &golden.manifests]);
        let mut engine = engine();
        let changes = objects.into_iter().map(|object| Change::Upsert(Arc::new(object)));
        engine.update(changes, now());
        let balancers = engine.balancers().map(|(_, balancer)| Arc::clone(balancer));
        (golden.name, balancers.collect())
    })
}

/// Whether a text holds bytes in any form that a serialiser could have written them in.
fn holds(text: &str, bytes: &[u8]) -> bool {
    let middle = &bytes[bytes.len() / 4..bytes.len() / 4 + 24];
    let numbers: Vec<String> = middle.iter().map(ToString::to_string).collect();
    let hex = middle
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let base64 = |skip: usize| {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let triples = middle[skip..].chunks_exact(3);
        let digits = triples.flat_map(|triple| {
            let bits = u32::from_be_bytes([0, triple[0], triple[1], triple[2]]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift) as usize & 63]))
        });
        digits.collect::<String>()
    };
    let squeezed: String = text.split_whitespace().collect();
    squeezed.contains(&numbers.join(","))
        || squeezed.contains(&format!("-{}", numbers.join("-")))
        || squeezed.to_ascii_lowercase().contains(&hex)
        || (0..3).any(|skip| squeezed.contains(&base64(skip)))
}

/// What a proxy decodes is what the controller holds, private keys and trust anchors included.
#[test]
fn binary_formats_carry_everything() {
    let (mut count, mut keys, mut encrypted) = (0, 0, 0);
    for (golden, balancers) in balancers() {
        for balancer in balancers {
            let bytes = minicbor_serde::to_vec(&*balancer).unwrap();
            let back: LoadBalancer = minicbor_serde::from_slice(&bytes).unwrap();
            assert_eq!(back, *balancer, "{golden}");
            count += 1;
            keys += balancer.certificates.len();
            encrypted += balancer
                .backends
                .values()
                .filter(|backend| backend.tls.is_some())
                .count();
        }
    }
    assert!(
        count > 200 && keys > 10 && encrypted > 3,
        "{count} {keys} {encrypted}"
    );
}

/// JSON and YAML show no byte of a private key, and cannot be mistaken for something to read back.
#[test]
fn formats_for_people_redact() {
    let mut keys = 0;
    for (golden, balancers) in balancers() {
        for balancer in balancers {
            let shown = [
                serde_json::to_string(&*balancer).unwrap(),
                serde_json::to_string_pretty(&*balancer).unwrap(),
                serde_yaml_ng::to_string(&*balancer).unwrap(),
                format!("{balancer:?}"),
            ];
            for certificate in balancer.certificates.values() {
                let key = certificate.private_key.expose();
                assert!(shown.iter().all(|text| !holds(text, key)), "{golden}");
                let list: Vec<String> = key.iter().map(ToString::to_string).collect();
                assert!(holds(&list.join(", "), key), "the check itself finds numbers");
                keys += 1;
            }
            let back: Result<LoadBalancer, _> = serde_json::from_str(&shown[0]);
            assert_eq!(back.is_err(), hides(&balancer), "{golden}");
            if let Ok(back) = back {
                assert_eq!(back, *balancer, "{golden}");
            }
        }
    }
    assert!(keys > 10, "{keys}");
}

/// Whether a load balancer holds what formats for people leave out.
fn hides(balancer: &LoadBalancer) -> bool {
    let text = serde_json::to_string(balancer).unwrap();
    text.contains("<redacted>") || text.contains(r#""Certificates":"#)
}
