//! What web ACLs are in front of.
//!
//! Here that are Application Load Balancers of the account and region alone. One has one web ACL at most, and another one
//! takes its place ("You can associate each AWS resource with only one web ACL",
//! <https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating-aws-resource.html>).

use super::{WebAcl, invalid, missing};
use crate::error::ApiError;
use crate::input::{text, tidy};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

/// The load balancer that a call names.
fn balancer<'v>(account: &Account, input: &'v Value) -> Result<&'v str, ApiError> {
    let arn = text(input, "ResourceArn").unwrap_or_default();
    let is_application = arn.contains(":elasticloadbalancing:") && arn.contains(":loadbalancer/app/");
    if !is_application {
        return Err(invalid(format!(
            "Error reason: The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or slashes., field: RESOURCE_ARN, parameter: {arn}"
        )));
    }
    if account.elb.balancers().contains_key(arn) {
        Ok(arn)
    } else {
        Err(missing())
    }
}

/// [`AssociateWebACL`](https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html).
pub(super) fn associate(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = balancer(account, input)?;
    let acl = text(input, "WebACLArn").unwrap_or_default();
    if !account.waf.acls.contains_key(acl) {
        return Err(missing());
    }
    account
        .waf
        .associations
        .insert(balancer.to_owned(), acl.to_owned());
    account.elb.renew(balancer);
    Ok(json!({}))
}

/// [`DisassociateWebACL`](https://docs.aws.amazon.com/waf/latest/APIReference/API_DisassociateWebACL.html). Assumed: it is no
/// error where there is none.
pub(super) fn disassociate(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = balancer(account, input)?;
    account.waf.associations.remove(balancer);
    account.elb.renew(balancer);
    Ok(json!({}))
}

/// [`GetWebACLForResource`](https://docs.aws.amazon.com/waf/latest/APIReference/API_GetWebACLForResource.html): nothing
/// where there is none.
pub(super) fn get(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = balancer(account, input)?;
    Ok(match account.waf.of(balancer) {
        None => json!({}),
        Some((arn, acl)) => json!({"WebACL": told(arn, acl)}),
    })
}

/// [`ListResourcesForWebACL`](https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html): load
/// balancers without a type.
pub(super) fn list(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let acl = text(input, "WebACLArn").unwrap_or_default();
    if !account.waf.acls.contains_key(acl) {
        return Err(missing());
    }
    let of_balancers = matches!(
        text(input, "ResourceType"),
        None | Some("APPLICATION_LOAD_BALANCER")
    );
    let used = account.waf.associations.iter().filter(|(_, used)| *used == acl);
    let arns: Vec<&String> = used.map(|(arn, _)| arn).filter(|_| of_balancers).collect();
    Ok(json!({"ResourceArns": arns}))
}

fn told(arn: &str, acl: &WebAcl) -> Value {
    let WebAcl {
        name,
        id,
        lock: _,
        description,
        default_action,
        visibility,
    } = acl;
    tidy(json!({
        "Name": name,
        "Id": id,
        "ARN": arn,
        "DefaultAction": default_action,
        "VisibilityConfig": visibility,
        "Capacity": 0,
        "Description": description,
    }))
}
