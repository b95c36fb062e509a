//! The IAM policy that the calls need, and no more.

use super::{ALL, Call, Grant, IMPLIED, Kind, Scope, Service};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The tag of what belongs to a cluster.
const MARK: &str = gatewright_aws::owner::CLUSTER;

/// The tag of others' security groups that were given over to a cluster for rules.
const GIVEN: &str = gatewright_aws::owner::NODES;

/// A policy document with some parts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>.
///
/// `partition` is `aws`, `aws-cn`, `aws-us-gov` and so on, as in ARNs. With the name of a cluster it allows changes of
/// that cluster's resources alone; without, of those of any cluster, but of nobody else's.
pub fn policy(grants: &[Grant], partition: &str, cluster: Option<&str>) -> Value {
    // Statements of one condition are one statement: an action only ever concerns resources of its own service, and
    // a policy may not be long. What has no condition is kept apart by what it is on.
    let mut grouped: BTreeMap<(String, Option<Kind>), Group> = BTreeMap::new();
    let granted = |call: &&&Call| call.grant().is_some_and(|grant| grants.contains(&grant));
    for call in ALL.iter().filter(granted) {
        for (scope, on) in parts(call) {
            for conditions in conditions(call.service, scope, cluster) {
                let apart = if conditions.is_empty() {
                    on.first().copied()
                } else {
                    None
                };
                let group = grouped
                    .entry((Value::from(conditions.clone()).to_string(), apart))
                    .or_default();
                group.actions.extend(call.action());
                group.on.extend(on);
                group.conditions = conditions;
            }
        }
    }
    let groups = grouped.into_values().filter(|group| !group.actions.is_empty());
    let mut statements: Vec<Value> = groups.map(|group| group.statement(partition)).collect();
    for implied in IMPLIED.iter().filter(|implied| grants.contains(&implied.grant)) {
        for mut conditions in conditions(Service::ElasticLoadBalancing, implied.scope, cluster) {
            if let Some((key, value)) = implied.condition {
                conditions.insert("StringEquals".into(), json!({ key: value }));
            }
            let group = Group {
                actions: BTreeSet::from([implied.action.to_owned()]),
                on: implied.on.iter().copied().collect(),
                conditions,
            };
            statements.push(group.statement(partition));
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What is only used by a call, and not made or changed, has no tags to look at.
fn parts(call: &Call) -> Vec<(Scope, &'static [Kind])> {
    match call.on {
        [made, Kind::Vpc] => {
            vec![
                (call.scope, std::slice::from_ref(made)),
                (Scope::Always, &[Kind::Vpc]),
            ]
        }
        // An association is made of what may be others', too.
        [made, Kind::LatticeNetwork, Kind::LatticeService] => {
            vec![
                (call.scope, std::slice::from_ref(made)),
                (Scope::Always, &[Kind::LatticeNetwork, Kind::LatticeService]),
            ]
        }
        [made, Kind::LatticeNetwork] => {
            vec![
                (call.scope, std::slice::from_ref(made)),
                (Scope::Always, &[Kind::LatticeNetwork]),
            ]
        }
        on => vec![(call.scope, on)],
    }
}

#[derive(Default)]
struct Group {
    actions: BTreeSet<String>,
    on: BTreeSet<Kind>,
    conditions: Map<String, Value>,
}

impl Group {
    fn statement(self, partition: &str) -> Value {
        let resources: BTreeSet<String> = self.on.iter().flat_map(|kind| kind.arns(partition)).collect();
        let mut statement = Map::new();
        statement.insert("Effect".into(), json!("Allow"));
        statement.insert("Action".into(), json!(self.actions));
        statement.insert("Resource".into(), json!(resources));
        if !self.conditions.is_empty() {
            statement.insert("Condition".into(), Value::Object(self.conditions));
        }
        Value::Object(statement)
    }
}

/// Conditions, each set of them enough by itself.
fn conditions(service: Service, scope: Scope, cluster: Option<&str>) -> Vec<Map<String, Value>> {
    let tagged = |keys: &[&str], tag: &str| {
        let tags = keys
            .iter()
            .map(|key| (format!("aws:{key}/{tag}"), json!(cluster.unwrap_or("false"))));
        let operator = if cluster.is_some() { "StringEquals" } else { "Null" };
        Map::from_iter([(operator.to_owned(), Value::Object(tags.collect()))])
    };
    let marked = |keys: &[&str]| tagged(keys, MARK);
    match scope {
        Scope::Always | Scope::Named | Scope::Joined => vec![Map::new()],
        Scope::Marks => vec![marked(&["RequestTag"])],
        Scope::MarksWithin => vec![marked(&["RequestTag", "ResourceTag"])],
        Scope::Ours => vec![marked(&["ResourceTag"])],
        Scope::OursOrGiven => vec![marked(&["ResourceTag"]), tagged(&["ResourceTag"], GIVEN)],
        Scope::MarksOrOurs => vec![marked(&["RequestTag"]), marked(&["ResourceTag"])],
        Scope::Tags(actions) => {
            let mut making = marked(&["RequestTag"]);
            let key = format!("{}:CreateAction", service.prefix().unwrap_or_default());
            let equals = making.entry("StringEquals").or_insert_with(|| json!({}));
            if let Value::Object(equals) = equals {
                equals.insert(key, json!(actions));
            }
            vec![making, marked(&["ResourceTag"])]
        }
    }
}
