//! Roles, and whom they are bound to.

use super::{Account, Right};
use crate::api::{Api, JSON};
use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// Roles and bindings of a cluster, as the API server lists them.
#[derive(Clone, Debug, Default)]
pub struct Rbac {
    /// `ClusterRole`s.
    pub cluster_roles: Vec<Value>,
    /// `Role`s.
    pub roles: Vec<Value>,
    /// `ClusterRoleBinding`s.
    pub cluster_role_bindings: Vec<Value>,
    /// `RoleBinding`s.
    pub role_bindings: Vec<Value>,
}

impl Rbac {
    /// Asks the API server.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(api: &Api) -> Result<Self> {
        let list = async |plural: &str| -> Result<Vec<Value>> {
            let path = format!("/apis/rbac.authorization.k8s.io/v1/{plural}");
            let (status, found) = api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            ensure!(status.is_success(), "{path}: {status}: {found}");
            Ok(items(&found["items"]).cloned().collect())
        };
        Ok(Self {
            cluster_roles: list("clusterroles").await?,
            roles: list("roles").await?,
            cluster_role_bindings: list("clusterrolebindings").await?,
            role_bindings: list("rolebindings").await?,
        })
    }
}

/// The rights that are given to a service account by its name; those of every service account are not among them.
///
/// # Errors
/// When a binding names a role that is not there.
pub fn granted(rbac: &Rbac, account: &Account) -> Result<BTreeSet<Right>> {
    let mut rights = BTreeSet::new();
    let bindings = rbac.cluster_role_bindings.iter().chain(&rbac.role_bindings);
    for binding in bindings.filter(|binding| items(&binding["subjects"]).any(|subject| is(subject, account)))
    {
        let namespace = binding["metadata"]["namespace"].as_str();
        let reference = &binding["roleRef"];
        let roles = if reference["kind"] == "ClusterRole" {
            &rbac.cluster_roles
        } else {
            &rbac.roles
        };
        let role = roles
            .iter()
            .find(|role| {
                let metadata = &role["metadata"];
                metadata["name"] == reference["name"]
                    && metadata["namespace"]
                        .as_str()
                        .is_none_or(|of| Some(of) == namespace)
            })
            .with_context(|| format!("{} is bound to {reference}, which is not there", account.user()))?;
        for rule in items(&role["rules"]) {
            add(&mut rights, rule, namespace);
        }
    }
    Ok(rights)
}

/// Adds what a rule allows, each verb on each resource.
fn add(rights: &mut BTreeSet<Right>, rule: &Value, namespace: Option<&str>) {
    let texts = |name: &str| -> BTreeSet<String> {
        let found = items(&rule[name]).filter_map(Value::as_str);
        found.map(ToOwned::to_owned).collect()
    };
    for verb in texts("verbs") {
        let right = |group: &str, resource: &str| Right {
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb: verb.clone(),
            names: texts("resourceNames"),
            namespace: namespace.map(ToOwned::to_owned),
        };
        for group in texts("apiGroups") {
            rights.extend(texts("resources").iter().map(|resource| right(&group, resource)));
        }
        // No call of ours names a path: what is given here shows as unused.
        rights.extend(texts("nonResourceURLs").iter().map(|path| right("", path)));
    }
}

fn is(subject: &Value, account: &Account) -> bool {
    subject["kind"] == "ServiceAccount"
        && subject["namespace"] == account.namespace.as_str()
        && subject["name"] == account.name.as_str()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
