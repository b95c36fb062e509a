//! Changes of what exists that AWS has no operation for here, or that only others make:
//!
//! | call | what it does |
//! |---|---|
//! | `POST /ec2/{account}/{region}` | a change of the networks, such as `{"change": "add-subnet", ...}` |
//! | `PUT /service-quotas/{account}/{region}` | quotas by their codes, `{"L-0EA8095F": 10}` |
//! | `PUT /certificates/{account}/{region}` | `{"arn": "...", "status": "FAILED"}`; `null` gives it its own again |
//! | `PUT /refused-roles/{account}/{region}` | roles that callers of this account and region may not assume |
//! | `PUT`, `DELETE /policy` | the policy that all calls must be allowed by |
//! | `PUT`, `DELETE /keys` | `{"AKIA...": "secret"}`: the access keys that exist; any key with any secret without |

use super::{Reply, read};
use crate::dispatch::Simulator;
use crate::ec2::Change;
use crate::error::ApiError;
use crate::iam::Policy;
use crate::quotas;
use crate::service::Context;
use crate::state::{Account, place};
use crate::sts::{Identity, Keys};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Answers a call; none when it is for somebody else.
pub(super) fn answer(simulator: &Simulator, method: &Method, parts: &[&str], body: &[u8]) -> Option<Reply> {
    Some(match (method.as_str(), parts) {
        ("POST", ["ec2", account, region]) => read(body).and_then(|change: Change| {
            with(simulator, account, region, |own, context| {
                own.ec2.change(change, context)
            })
        }),
        ("PUT", ["service-quotas", account, region]) => {
            read(body).and_then(|wanted: BTreeMap<String, u64>| {
                with(simulator, account, region, |own, _| {
                    wanted
                        .iter()
                        .try_for_each(|(code, value)| quotas::set(own, code, *value))?;
                    Ok(json!({}))
                })
            })
        }
        ("PUT", ["certificates", account, region]) => read(body).and_then(|forced: Forced| {
            with(simulator, account, region, |own, _| {
                own.acm.force_status(&forced.arn, forced.status)?;
                Ok(json!({}))
            })
        }),
        ("PUT", ["refused-roles", account, region]) => read(body).and_then(|roles: BTreeSet<String>| {
            with(simulator, account, region, |own, _| {
                own.sts.refused_roles = roles;
                Ok(json!({}))
            })
        }),
        ("PUT", ["policy"]) => policy(body).map(|policy| {
            simulator.inner().policy = Some(policy);
            json!({})
        }),
        ("PUT", ["keys"]) => keys(body).map(|keys| {
            simulator.inner().keys = keys;
            json!({})
        }),
        ("DELETE", ["keys"]) => {
            simulator.inner().keys = Keys::default();
            Ok(json!({}))
        }
        ("DELETE", ["policy"]) => {
            simulator.inner().policy = None;
            Ok(json!({}))
        }
        _ => return None,
    })
}

/// A status that a certificate is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forced {
    arn: String,
    status: Option<String>,
}

fn keys(body: &[u8]) -> Result<Keys, (StatusCode, String)> {
    read(body).map(Keys::new)
}

fn policy(body: &[u8]) -> Result<Policy, (StatusCode, String)> {
    let text = String::from_utf8_lossy(body);
    Policy::read(&text).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

/// Changes an account and region.
fn with(
    simulator: &Simulator,
    account: &str,
    region: &str,
    change: impl FnOnce(&mut Account, &Context) -> Result<Value, ApiError>,
) -> Reply {
    let mut inner = simulator.inner();
    let context = Context {
        account: account.to_owned(),
        region: region.to_owned(),
        now: simulator.clock.now(),
        access_key: None,
        identity: Identity::of_key(account),
        request_id: String::new(),
        settings: inner.settings.clone(),
        healths: Arc::new(crate::service::Unchecked),
    };
    let own = inner.world.accounts.entry(place(account, region)).or_default();
    let told = change(own, &context).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    inner.changes += 1;
    drop(inner);
    simulator.publish();
    Ok(told)
}
