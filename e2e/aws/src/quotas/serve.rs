//! The operations of [Service Quotas](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/Welcome.html).

use super::{ALL, Quota, SERVICES, applied};
use crate::error::ApiError;
use crate::input::{number, text};
use crate::service::{Context, Handler};
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("GetAWSDefaultServiceQuota", |a, c, i| {
        one(a, c, i, Values::Default)
    }),
    ("GetServiceQuota", |a, c, i| one(a, c, i, Values::Applied)),
    ("ListAWSDefaultServiceQuotas", |a, c, i| {
        many(a, c, i, Values::Default)
    }),
    ("ListServiceQuotas", |a, c, i| many(a, c, i, Values::Applied)),
    ("ListServices", list_services),
];

/// Which values are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Default,
    Applied,
}

fn render(quota: &Quota, account: &Account, context: &Context, values: Values) -> Value {
    let name = SERVICES
        .iter()
        .find(|(code, _)| *code == quota.service)
        .map(|(_, name)| *name);
    let value = match values {
        Values::Default => quota.default,
        Values::Applied => applied(account, *quota),
    };
    // Default quotas are nobody's, so that their names have no account.
    let owner = match values {
        Values::Default => "",
        Values::Applied => context.account.as_str(),
    };
    json!({
        "ServiceCode": quota.service,
        "ServiceName": name,
        "QuotaArn": format!(
            "arn:{}:servicequotas:{}:{owner}:{}/{}",
            context.partition(),
            context.region,
            quota.service,
            quota.code
        ),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value as f64,
        "Unit": "None",
        "Adjustable": quota.adjustable,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn missing(what: &str) -> ApiError {
    ApiError::new(
        "NoSuchResourceException",
        format!("The request failed because the specified {what} does not exist."),
    )
}

fn service(input: &Value) -> Result<&str, ApiError> {
    let code = text(input, "ServiceCode").unwrap_or_default();
    if SERVICES.iter().any(|(known, _)| *known == code) {
        Ok(code)
    } else {
        Err(missing("service"))
    }
}

/// [GetServiceQuota](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html),
/// [GetAWSDefaultServiceQuota](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html).
fn one(account: &mut Account, context: &Context, input: &Value, values: Values) -> Result<Value, ApiError> {
    let service = service(input)?;
    let code = text(input, "QuotaCode").unwrap_or_default();
    let quota = ALL
        .iter()
        .find(|quota| quota.service == service && quota.code == code)
        .ok_or_else(|| missing("quota"))?;
    Ok(json!({"Quota": render(quota, account, context, values)}))
}

/// [ListServiceQuotas](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html),
/// [ListAWSDefaultServiceQuotas](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListAWSDefaultServiceQuotas.html).
fn many(account: &mut Account, context: &Context, input: &Value, values: Values) -> Result<Value, ApiError> {
    let service = service(input)?;
    let wanted = text(input, "QuotaCode");
    let resource = text(input, "QuotaAppliedAtLevel") == Some("RESOURCE");
    let rows = ALL
        .iter()
        .filter(|quota| quota.service == service && !resource)
        .filter(|quota| wanted.is_none_or(|wanted| wanted == quota.code))
        .map(|quota| render(quota, account, context, values))
        .collect();
    page(rows, "Quotas", input)
}

/// [ListServices](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServices.html).
fn list_services(_: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let rows = SERVICES
        .iter()
        .map(|(code, name)| json!({"ServiceCode": code, "ServiceName": name}))
        .collect();
    page(rows, "Services", input)
}

/// One page of what never changes its order; 100 at most.
fn page(rows: Vec<Value>, list: &str, input: &Value) -> Result<Value, ApiError> {
    let size = number(input, "MaxResults")
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(100)
        .clamp(1, 100);
    let skip = match text(input, "NextToken") {
        None => 0,
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|skip| *skip <= rows.len())
            .ok_or_else(|| ApiError::new("InvalidPaginationTokenException", "Invalid input was provided."))?,
    };
    let mut answer = Map::new();
    let next = skip.saturating_add(size);
    if next < rows.len() {
        answer.insert(
            "NextToken".to_owned(),
            Value::from(STANDARD.encode(next.to_string())),
        );
    }
    let page = rows.into_iter().skip(skip).take(size).collect();
    answer.insert(list.to_owned(), Value::Array(page));
    Ok(Value::Object(answer))
}
