//! Listeners: their description, change and deletion.

use super::actions::{self, Listening};
use super::usage::{self, Site};
use super::{State, arn, attributes, conditions, listener, page, surroundings};
use crate::error::ApiError;
use crate::input::{list, number, text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

/// `API_DescribeListeners`: "You must specify either a load balancer or one or more listeners."
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arns = texts(input, "ListenerArns");
    let mut found = Vec::new();
    match (text(input, "LoadBalancerArn"), arns.is_empty()) {
        (Some(balancer), true) => {
            arn::check(balancer, "loadbalancer")?;
            account.elb.balancer(balancer)?;
            found.extend(account.elb.listeners_of(balancer));
        }
        (None, false) => {
            for arn in &arns {
                listener::check(arn)?;
                found.push(account.elb.listener(arn)?);
            }
        }
        _ => {
            return Err(ApiError::validation(
                "You must specify either listener ARNs or a load balancer ARN",
            ));
        }
    }
    found.sort_by_key(|listener| listener.number);
    found.dedup_by_key(|listener| listener.number);
    let told = found
        .into_iter()
        .map(|listener| listener.told(&account.elb))
        .collect();
    page::answer("Listeners", told, context, input)
}

/// `API_ModifyListener`: "Any properties that you do not specify remain unchanged. Changing the protocol from HTTPS
/// to HTTP removes the security policy and default certificate properties. If you change the protocol from HTTP to
/// HTTPS you must add the security policy and default certificate properties."
pub(super) fn modify(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    let mut changed = account.elb.listener(arn)?.clone();
    let balancer = account.elb.balancer(&changed.balancer)?.clone();
    let former_protocol = changed.protocol.clone();
    if let Some(protocol) = text(input, "Protocol") {
        listener::check_protocol(balancer.kind, protocol)?;
        listener::check_quic(&account.elb, &balancer, (arn, protocol))?;
        protocol.clone_into(&mut changed.protocol);
    }
    if let Some(port) = number(input, "Port").and_then(|port| u16::try_from(port).ok()) {
        if account
            .elb
            .listeners_of(&balancer.arn)
            .any(|other| other.port == port && other.arn != arn)
        {
            let message = format!(
                "A listener already exists on this port for this load balancer '{}'",
                balancer.arn
            );
            return Err(ApiError::new("DuplicateListener", message));
        }
        changed.port = port;
    }
    let security = listener::security(account, context, &changed.protocol, input)?;
    let newly_secure = listener::is_secure(&changed.protocol) && !listener::is_secure(&former_protocol);
    if newly_secure && security.ssl_policy.is_none() {
        return Err(ApiError::validation(
            "A security policy must be specified for HTTPS and TLS listeners",
        ));
    }
    changed.secure(security)?;
    listener::room_to_verify(&account.elb, &changed)?;
    if changed.protocol != former_protocol {
        changed.attributes = attributes::of_listener(&changed.protocol, &changed.attributes);
    }
    let default = account
        .elb
        .rules_of(arn)
        .find(|rule| rule.priority.is_none())
        .map(|rule| rule.arn.clone());
    let default = default.ok_or_else(|| ApiError::internal("the listener has no default rule"))?;
    let asked = list(input, "DefaultActions");
    let actions = if input.get("DefaultActions").is_some() {
        let listening = Listening {
            balancer: &balancer,
            protocol: &changed.protocol,
            port: changed.port,
            replaced: Some(&default),
            source: None,
        };
        Some(actions::read(&account.elb, asked, listening)?)
    } else {
        None
    };
    if changed.protocol != former_protocol {
        let replaced = actions.as_ref().map(|_| default.as_str());
        fits(
            &account.elb,
            arn,
            Site {
                balancer: &balancer,
                protocol: &changed.protocol,
                replaced,
                source: None,
            },
        )?;
    }
    if let (Some(actions), Some(rule)) = (actions, account.elb.rules.get_mut(&default)) {
        rule.actions = actions;
    }
    *account.elb.listener_mut(arn)? = changed.clone();
    account.elb.recount(&balancer.arn);
    surroundings::use_certificates(account, &balancer.arn);
    Ok(json!({"Listeners": [changed.told(&account.elb)]}))
}

/// Whether the rules of a listener can be served by another protocol.
fn fits(state: &State, listener: &str, site: Site<'_>) -> Result<(), ApiError> {
    for rule in state
        .rules_of(listener)
        .filter(|rule| Some(rule.arn.as_str()) != site.replaced)
    {
        let groups = rule.actions.iter().flat_map(usage::groups_of).collect();
        let source = conditions::source_of(&rule.conditions);
        usage::still_compatible(state, &groups, Site { source, ..site })?;
        let authenticates = rule
            .actions
            .iter()
            .any(|action| !["forward", "redirect", "fixed-response"].contains(&action.kind.as_str()));
        if authenticates && site.protocol != "HTTPS" {
            let message = format!(
                "Rule '{}' has an action that is only for HTTPS listeners",
                rule.arn
            );
            return Err(ApiError::new("InvalidLoadBalancerAction", message));
        }
    }
    Ok(())
}

/// `API_DeleteListener`.
pub(super) fn delete(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    let balancer = account.elb.listener(arn)?.balancer.clone();
    account.elb.drop_listener(arn);
    account.elb.recount(&balancer);
    surroundings::use_certificates(account, &balancer);
    Ok(json!({}))
}

impl State {
    /// Removes a listener with its rules and tags.
    pub(super) fn drop_listener(&mut self, listener: &str) {
        let rules: Vec<String> = self.rules_of(listener).map(|rule| rule.arn.clone()).collect();
        for rule in rules {
            self.rules.remove(&rule);
            self.tags.remove(&rule);
        }
        self.tags.remove(listener);
        if let Some(gone) = self.listeners.remove(listener) {
            self.changed.balancers.insert(gone.balancer);
        }
    }
}
