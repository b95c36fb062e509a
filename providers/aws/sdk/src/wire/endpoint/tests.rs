use super::{EndpointError, Place, Variant, public, resolve};
use crate::{ec2, quotas};
use aws_types::origin::Origin;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

const EC2: Place = ec2::DEFINITION.place;

/// Results of EC2's own endpoint rule set.
#[test]
fn names_follow_partition_fips_and_dual_stack() {
    let table = [
        (
            "eu-central-1",
            false,
            false,
            "https://ec2.eu-central-1.amazonaws.com",
        ),
        (
            "us-east-1",
            true,
            false,
            "https://ec2-fips.us-east-1.amazonaws.com",
        ),
        ("us-east-1", false, true, "https://ec2.us-east-1.api.aws"),
        ("us-east-1", true, true, "https://ec2-fips.us-east-1.api.aws"),
        (
            "us-gov-west-1",
            false,
            false,
            "https://ec2.us-gov-west-1.amazonaws.com",
        ),
        (
            "us-gov-west-1",
            true,
            false,
            "https://ec2.us-gov-west-1.amazonaws.com",
        ),
        (
            "us-gov-west-1",
            true,
            true,
            "https://ec2-fips.us-gov-west-1.api.aws",
        ),
        (
            "cn-north-1",
            false,
            false,
            "https://ec2.cn-north-1.amazonaws.com.cn",
        ),
        (
            "cn-north-1",
            false,
            true,
            "https://ec2.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (
            "us-iso-east-1",
            false,
            false,
            "https://ec2.us-iso-east-1.c2s.ic.gov",
        ),
        (
            "us-isob-east-1",
            false,
            false,
            "https://ec2.us-isob-east-1.sc2s.sgov.gov",
        ),
        (
            "eusc-de-east-1",
            false,
            false,
            "https://ec2.eusc-de-east-1.amazonaws.eu",
        ),
        (
            "mars-north-1",
            false,
            false,
            "https://ec2.mars-north-1.amazonaws.com",
        ),
    ];
    for (region, fips, dual_stack, wanted) in table {
        assert_eq!(
            public(EC2, region, Variant { fips, dual_stack }).as_deref(),
            Ok(wanted)
        );
    }
    let quotas = public(quotas::DEFINITION.place, "eu-west-1", Variant::default());
    assert_eq!(
        quotas.as_deref(),
        Ok("https://servicequotas.eu-west-1.amazonaws.com")
    );
}

/// A region becomes part of a host name: nothing else may come in by it.
#[test]
fn what_is_no_region_is_refused() {
    for bad in ["", "eu central", "x.evil.example/", "a@b", "é", &"a".repeat(64)] {
        let refused = public(EC2, bad, Variant::default());
        assert!(matches!(refused, Err(EndpointError::BadRegion(_))), "{bad}");
    }
}

#[derive(Debug)]
struct Env;

impl LoadServiceConfig for Env {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "EC2" && key.env() == "AWS_ENDPOINT_URL")
            .then(|| "http://127.0.0.1:1".to_owned())
    }
}

/// AWS's page on service-specific endpoints: what names the service wins over what names none, both over AWS's own;
/// what the program itself sets wins over all.
#[test]
fn configured_endpoints_win() {
    let base = || SdkConfig::builder().region(Region::new("eu-west-1"));
    let url = |config: &SdkConfig, definition| resolve(config, definition).unwrap();

    let service = base()
        .service_config(Env)
        .endpoint_url("http://127.0.0.1:2")
        .build();
    assert_eq!(url(&service, ec2::DEFINITION), "http://127.0.0.1:1");
    assert_eq!(url(&service, quotas::DEFINITION), "http://127.0.0.1:2");

    let mut program = base().service_config(Env).endpoint_url("http://127.0.0.1:3");
    program.insert_origin("endpoint_url", Origin::shared_config());
    assert_eq!(url(&program.build(), ec2::DEFINITION), "http://127.0.0.1:3");

    assert_eq!(
        resolve(&SdkConfig::builder().build(), ec2::DEFINITION),
        Err(EndpointError::NoRegion)
    );
}
