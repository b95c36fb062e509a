//! Nodes as instances.

use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::Node;
use gatewright_core::graph::nodes::NodeFacts;
use std::collections::BTreeMap;

/// Nodes with their instances. `spec.providerID` is `aws:///ZONE/INSTANCE`
/// (<https://cloud-provider-aws.sigs.k8s.io/prerequisites/>); nodes of Fargate and others that are no instances of EC2 cannot
/// be targets.
pub(super) fn instances(nodes: &BTreeMap<Str, NodeFacts>) -> BTreeMap<Str, Node> {
    let found = nodes.iter().filter_map(|(name, facts)| {
        let instance = instance(&facts.provider_id)?;
        let node = Node {
            instance: instance.into(),
            labels: facts.labels.clone(),
        };
        Some((name.clone(), node))
    });
    found.collect()
}

/// The instance of a node, by its `spec.providerID`; nodes of Fargate have none.
pub fn instance(provider_id: &str) -> Option<&str> {
    let rest = provider_id.strip_prefix("aws://")?;
    rest.rsplit('/').next().filter(|id| is_instance(id))
}

/// `i-` and 8 or 17 hexadecimal digits
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
fn is_instance(id: &str) -> bool {
    id.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_instances_of_ec2_are_targets() {
        let of = |id: &str| {
            let facts = NodeFacts {
                provider_id: id.into(),
                labels: BTreeMap::new(),
            };
            let found = instances(&BTreeMap::from([("a".into(), facts)]));
            found.into_values().next().map(|node| node.instance.to_string())
        };
        assert_eq!(
            of("aws:///eu-central-1a/i-0123456789abcdef0").as_deref(),
            Some("i-0123456789abcdef0")
        );
        for other in [
            "aws:///eu-central-1a/1a2b3c/fargate-ip-10-0-0-1.eu-central-1.compute.internal",
            "kind://docker/a/b",
            "aws:///eu-central-1a/i-xyz",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
