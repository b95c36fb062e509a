//! Where a service is.

use super::Definition;
use aws_types::sdk_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use thiserror::Error;

/// How a service's endpoints are named: `<name>.<region>.<suffix>`, with FIPS `<name>-fips`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// First label, for example `ec2`.
    pub(crate) name: &'static str,
    /// Whether its usual endpoints in GovCloud are what FIPS asks for.
    pub(crate) gov_is_fips: bool,
}

/// No endpoint is known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// No region is set.
    #[error("no region is set: set AWS_REGION, or the region of the class's parameters")]
    NoRegion,
    /// Whatever is set is no region.
    #[error("`{0}` is no region: letters, digits and hyphens are accepted")]
    BadRegion(String),
    /// FIPS is asked for where there is none.
    #[error(
        "S3 has no endpoints for FIPS 140 in the partition {0}: do not ask for them there (--aws-fips, AWS_USE_FIPS_ENDPOINT)"
    )]
    NoFips(&'static str),
}

/// A group of regions with names and rules of its own.
struct Partition {
    name: &'static str,
    /// How its regions begin; the last one takes all others.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
}

/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>; the same figures
/// as `partitions.json`, which is part of each of the SDK's crates.
const PARTITIONS: &[Partition] = &[
    partition(
        "aws-cn",
        "cn-",
        "amazonaws.com.cn",
        "api.amazonwebservices.com.cn",
    ),
    partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition(
        "aws-iso-e",
        "eu-isoe-",
        "cloud.adc-e.uk",
        "api.cloud-aws.adc-e.uk",
    ),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("aws", "", "amazonaws.com", "api.aws"),
];

const fn partition(
    name: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
) -> Partition {
    Partition {
        name,
        prefix,
        suffix,
        dual_stack,
    }
}

/// The URL of a service: what is configured for it, else what is configured for all, else AWS's own.
///
/// Environment `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL`, and their like in profiles:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.
pub(crate) fn resolve(config: &SdkConfig, definition: Definition) -> Result<String, EndpointError> {
    if let Some(url) = configured(config, definition.service.id()) {
        return Ok(url);
    }
    let region = config.region().ok_or(EndpointError::NoRegion)?;
    let variant = Variant {
        fips: config.use_fips().unwrap_or_default(),
        dual_stack: config.use_dual_stack().unwrap_or_default(),
    };
    public(definition.place, region.as_ref(), variant)
}

fn configured(config: &SdkConfig, service: &str) -> Option<String> {
    let general = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return general;
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let own = config
        .service_config()
        .zip(key)
        .and_then(|(settings, key)| settings.load_config(key));
    own.or(general)
}

#[derive(Clone, Copy, Debug, Default)]
struct Variant {
    fips: bool,
    dual_stack: bool,
}

/// The rules are those of the services' own endpoint rule sets (`endpoint-rule-set-1.json` in botocore).
fn public(place: Place, region: &str, variant: Variant) -> Result<String, EndpointError> {
    let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if region.is_empty() || region.len() > 63 || !region.bytes().all(label) {
        return Err(EndpointError::BadRegion(region.chars().take(80).collect()));
    }
    let found = PARTITIONS.iter().find(|one| region.starts_with(one.prefix));
    let Some(partition) = found else {
        return Err(EndpointError::BadRegion(region.to_owned()));
    };
    if place.name == "s3" {
        return s3(region, partition, variant);
    }
    let name = place.name;
    let gov = partition.name == "aws-us-gov" && place.gov_is_fips;
    Ok(match variant {
        Variant {
            fips: true,
            dual_stack: true,
        } => format!("https://{name}-fips.{region}.{}", partition.dual_stack),
        Variant { fips: true, .. } if gov => format!("https://{name}.{region}.{}", partition.suffix),
        Variant { fips: true, .. } => format!("https://{name}-fips.{region}.{}", partition.suffix),
        Variant { dual_stack: true, .. } => format!("https://{name}.{region}.{}", partition.dual_stack),
        Variant { .. } => format!("https://{name}.{region}.{}", partition.suffix),
    })
}

/// S3 has names of its own, <https://docs.aws.amazon.com/general/latest/gr/s3.html>, and refuses FIPS in China as its rule
/// set does.
fn s3(region: &str, partition: &Partition, variant: Variant) -> Result<String, EndpointError> {
    if variant.fips && partition.name == "aws-cn" {
        return Err(EndpointError::NoFips(partition.name));
    }
    let fips = if variant.fips { "-fips" } else { "" };
    let dual = if variant.dual_stack { ".dualstack" } else { "" };
    Ok(format!("https://s3{fips}{dual}.{region}.{}", partition.suffix))
}

#[cfg(test)]
mod tests;
