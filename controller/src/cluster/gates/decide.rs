//! Whether a pod's gate opens. Pure.

use super::book::{Use, User, Waiting};
use gatewright_provider_api::contract::{Instance, Pool};
use std::collections::{BTreeMap, BTreeSet};

/// What the clouds say of users: the pools of their load balancers, or the label of the error.
pub type Word = BTreeMap<User, Result<Vec<Pool>, &'static str>>;

/// What becomes of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it opens.
    pub open: bool,
    /// Reason of the condition.
    pub reason: &'static str,
    /// Message of the condition.
    pub message: String,
}

/// Decides on a pod with what uses it. A load balancer that nothing can reach yet, or that has no target group for the
/// Service, does not keep a pod from being ready: nothing could be lost.
pub fn decide(pod: &Waiting, uses: &BTreeSet<Use>, word: &Word) -> Verdict {
    let mut found = 0;
    for Use { user, service } in uses {
        let pools = match word.get(user) {
            Some(Ok(pools)) => pools,
            Some(Err(label)) => {
                return closed(
                    "Unknown",
                    format!("the load balancer of {user} cannot be asked ({label}), trying again"),
                );
            }
            None => {
                return closed(
                    "Unknown",
                    format!("the load balancer of {user} was not asked yet"),
                );
            }
        };
        for pool in pools.iter().filter(|pool| pool.service == *service) {
            found += 1;
            let instances = pod
                .addresses
                .iter()
                .filter_map(|address| pool.instances.get(address));
            match instances.max() {
                Some(Instance::Healthy) => {}
                Some(Instance::Waiting(why)) => {
                    let message = format!("target group {} of {user}: the pod {why}", pool.name);
                    return closed("NotHealthy", message);
                }
                None => {
                    let message = format!(
                        "target group {} of {user} does not have the pod yet; its condition Programmed says what keeps \
                         it from that",
                        pool.name
                    );
                    return closed("NotRegistered", message);
                }
            }
        }
    }
    if found == 0 {
        return Verdict {
            open: true,
            reason: "NoTarget",
            message: "no load balancer sends requests to a Service of the pod".to_owned(),
        };
    }
    Verdict {
        open: true,
        reason: "Healthy",
        message: "all load balancers that send requests to the pod found it healthy".to_owned(),
    }
}

const fn closed(reason: &'static str, message: String) -> Verdict {
    Verdict {
        open: false,
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::key::ObjectName;
    use gatewright_provider_api::contract::Membership;
    use std::net::IpAddr;

    fn name(name: &str) -> ObjectName {
        ObjectName::new("shop", name)
    }

    fn pod() -> Waiting {
        Waiting {
            uid: "1".to_owned(),
            labels: BTreeMap::new(),
            addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            containers: true,
            condition: None,
        }
    }

    fn gateway(gateway: &str) -> User {
        User::Gateway {
            name: name(gateway),
            controller: "gatewright.dev/aws-alb".into(),
        }
    }

    fn used_by(gateways: &[&str]) -> BTreeSet<Use> {
        let gateways = gateways.iter().map(|name| Use {
            user: gateway(name),
            service: self::name("cart"),
        });
        gateways.collect()
    }

    fn pool(service: &str, instances: &[(&str, Instance)]) -> Pool {
        Pool {
            name: format!("tg-{service}").as_str().into(),
            service: name(service),
            instances: instances
                .iter()
                .map(|(address, instance)| (address.parse::<IpAddr>().unwrap(), *instance))
                .collect(),
        }
    }

    fn reason(uses: &BTreeSet<Use>, word: Word) -> (bool, &'static str) {
        let verdict = decide(&pod(), uses, &word);
        (verdict.open, verdict.reason)
    }

    #[test]
    fn every_load_balancer_of_the_pod_must_find_it_healthy() {
        let healthy = || Ok(vec![pool("cart", &[("10.0.0.1", Instance::Healthy)])]);
        let waits = || {
            Ok(vec![pool(
                "cart",
                &[("10.0.0.1", Instance::Waiting("is initial"))],
            )])
        };
        let uses = used_by(&["a", "b"]);
        let both = |a, b| reason(&uses, Word::from([(gateway("a"), a), (gateway("b"), b)]));
        assert_eq!(both(healthy(), healthy()), (true, "Healthy"));
        assert_eq!(both(healthy(), waits()), (false, "NotHealthy"));
        assert_eq!(both(healthy(), Err("throttled")), (false, "Unknown"));
        let other = Ok(vec![pool("cart", &[("10.0.0.2", Instance::Healthy)])]);
        assert_eq!(both(other, healthy()), (false, "NotRegistered"));
        assert_eq!(
            both(Ok(vec![pool("else", &[])]), healthy()),
            (true, "Healthy"),
            "the Service has no target group there"
        );
        assert_eq!(
            reason(&uses, Word::from([(gateway("a"), healthy())])),
            (false, "Unknown")
        );
    }

    #[test]
    fn the_target_group_of_a_binding_counts_as_well() {
        let binding = User::Binding(Membership {
            binding: name("cart"),
            service: name("cart"),
            group: "theirs".into(),
        });
        let mut uses = used_by(&["a"]);
        uses.insert(Use {
            user: binding.clone(),
            service: name("cart"),
        });
        let well = || vec![pool("cart", &[("10.0.0.1", Instance::Healthy)])];
        let theirs = |pools| Word::from([(gateway("a"), Ok(well())), (binding.clone(), Ok(pools))]);
        assert_eq!(reason(&uses, theirs(well())), (true, "Healthy"));
        assert_eq!(
            reason(&uses, theirs(Vec::new())),
            (true, "Healthy"),
            "its owner does not allow the binding"
        );
        let verdict = decide(&pod(), &uses, &theirs(vec![pool("cart", &[])]));
        assert_eq!(
            (verdict.reason, verdict.message.as_str()),
            (
                "NotRegistered",
                "target group tg-cart of AwsTargetGroupBinding shop/cart does not have the pod yet; its condition \
                 Programmed says what keeps it from that"
            )
        );
    }

    #[test]
    fn a_pod_that_nobody_sends_requests_to_is_not_kept_waiting() {
        assert_eq!(reason(&BTreeSet::new(), Word::new()), (true, "NoTarget"));
        assert_eq!(
            reason(&used_by(&["a"]), Word::from([(gateway("a"), Ok(Vec::new()))])),
            (true, "NoTarget")
        );
    }

    #[test]
    fn one_family_of_addresses_is_enough_and_the_worst_port_counts() {
        let mut found = pool("cart", &[("fd00::1", Instance::Healthy)]);
        let word = |found: &Pool| Word::from([(gateway("a"), Ok(vec![found.clone()]))]);
        assert_eq!(reason(&used_by(&["a"]), word(&found)), (true, "Healthy"));
        found.note("fd00::1".parse().unwrap(), Instance::Waiting("is unhealthy"));
        found.note("fd00::1".parse().unwrap(), Instance::Healthy);
        let verdict = decide(&pod(), &used_by(&["a"]), &word(&found));
        assert_eq!(
            verdict.message,
            "target group tg-cart of Gateway shop/a: the pod is unhealthy"
        );
    }
}
