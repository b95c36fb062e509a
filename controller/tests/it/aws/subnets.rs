//! Subnets that fill up under a load balancer.

use super::{ACCOUNT, CLUSTER, MANIFESTS, Place, REGION};
use gatewright_aws_simulator::ec2::Change;
use gatewright_aws_simulator::service::{Context, Unchecked};
use gatewright_aws_simulator::sts::Identity;
use std::sync::Arc;

impl Place {
    /// Pods take all addresses of all subnets.
    fn fill_subnets(&self) {
        let mut inner = self.simulator.simulator.inner();
        let context = Context {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            now: 0,
            access_key: None,
            identity: Identity::of_key(ACCOUNT),
            request_id: String::new(),
            settings: inner.settings.clone(),
            healths: Arc::new(Unchecked),
        };
        let account = inner
            .world
            .accounts
            .get_mut(&format!("{ACCOUNT}/{REGION}"))
            .unwrap();
        let known = serde_json::to_value(&account.ec2).unwrap();
        for subnet in known["subnets"].as_object().unwrap().keys() {
            let change = Change::SetFreeAddresses {
                subnet: subnet.clone(),
                free: 0,
            };
            account.ec2.change(change, &context).unwrap();
        }
    }
}

/// Nothing of the load balancer changes, and its rules still follow the routes; a new one says what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_stays_when_its_subnets_fill_up() {
    let place = Place::at("127.91.0.0/16").await;
    place.write(&MANIFESTS.replace("18085", "18091"));
    let with = |more: &[&'static str]| -> Vec<&str> {
        ["--cluster-name", CLUSTER]
            .into_iter()
            .chain(more.iter().copied())
            .collect()
    };
    let (code, said) = place.plan(&with(&["--apply", "--timeout", "60s"])).await;
    assert_eq!(code, 0, "{said}");
    place.fill_subnets();
    let (code, said) = place.plan(&with(&["--output", "summary"])).await;
    assert_eq!(code, 0, "{said}");
    let changed = MANIFESTS
        .replace("18085", "18091")
        .replace("new.example.com", "newer.example.com");
    place.write(&changed);
    let (code, said) = place.plan(&with(&["--output", "summary"])).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("0 to create, 1 to update"), "{said}");

    place.write(&changed.replace("name: edge", "name: second"));
    let (code, said) = place.plan(&with(&[])).await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("8 free addresses"), "{said}");
    place.simulator.stop().await.unwrap();
}
