use super::codes::all;
use super::{find, kind_of_code, throttles};
use crate::calls::{ALL, Service};
use crate::limiter::{Bucket, Busy};
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::BTreeSet;
use std::time::Duration;

/// No code twice in a table, and no code of a service repeats what holds anywhere.
#[test]
fn each_code_has_one_kind() {
    let mut seen = BTreeSet::new();
    for (service, code) in all() {
        assert!(seen.insert((service, code)), "{service:?} {code} twice");
    }
}

/// What is told to check the credentials is told of refusals alone.
#[test]
fn codes_about_the_caller_are_refusals() {
    for code in super::codes::CREDENTIALS {
        let kind = kind_of_code(Service::ElasticLoadBalancing, "CreateRule", code);
        assert_eq!(kind, Some(ErrorKind::Forbidden), "{code}");
    }
}

/// `ListOfErrors` of each operation in the API references, as botocore's models have them (July 2026).
#[test]
fn every_documented_error_of_every_call_is_known() {
    let documented: &[(Service, &[&str])] = &[
        (
            Service::ElasticLoadBalancing,
            &[
                "ALPNPolicyNotFound",
                "AllocationIdNotFound",
                "AvailabilityZoneNotSupported",
                "CapacityReservationPending",
                "CertificateNotFound",
                "DuplicateListener",
                "DuplicateLoadBalancerName",
                "DuplicateTagKeys",
                "DuplicateTargetGroupName",
                "HealthUnavailable",
                "IncompatibleProtocols",
                "InvalidConfigurationRequest",
                "InvalidLoadBalancerAction",
                "InvalidScheme",
                "InvalidSecurityGroup",
                "InvalidSubnet",
                "InvalidTarget",
                "ListenerNotFound",
                "LoadBalancerNotFound",
                "OperationNotPermitted",
                "PriorityInUse",
                "ResourceInUse",
                "RuleNotFound",
                "SSLPolicyNotFound",
                "SubnetNotFound",
                "TargetGroupAssociationLimit",
                "TargetGroupNotFound",
                "TooManyActions",
                "TooManyCertificates",
                "TooManyListeners",
                "TooManyLoadBalancers",
                "TooManyRegistrationsForTargetId",
                "TooManyRules",
                "TooManyTags",
                "TooManyTargetGroups",
                "TooManyTargets",
                "TooManyUniqueTargetGroupsPerLoadBalancer",
                "TrustStoreNotFound",
                "TrustStoreNotReady",
                "UnsupportedProtocol",
            ],
        ),
        (
            Service::Acm,
            &[
                "AccessDeniedException",
                "ConflictException",
                "InvalidArgsException",
                "InvalidArnException",
                "InvalidParameterException",
                "InvalidTagException",
                "LimitExceededException",
                "ResourceInUseException",
                "ResourceNotFoundException",
                "TagPolicyException",
                "ThrottlingException",
                "TooManyTagsException",
                "ValidationException",
            ],
        ),
        (
            Service::Tagging,
            &[
                "InternalServiceException",
                "InvalidParameterException",
                "PaginationTokenExpiredException",
                "ThrottledException",
            ],
        ),
        (
            Service::Quotas,
            &[
                "AccessDeniedException",
                "IllegalArgumentException",
                "InvalidPaginationTokenException",
                "NoSuchResourceException",
                "ServiceException",
                "TooManyRequestsException",
            ],
        ),
    ];
    for (service, codes) in documented {
        for code in *codes {
            assert!(kind_of_code(*service, "", code).is_some(), "{service:?} {code}");
        }
    }
}

#[test]
fn one_code_may_mean_different_things() {
    let elb = Service::ElasticLoadBalancing;
    // "This operation is not allowed": deletion protection, or a default rule.
    assert_eq!(
        kind_of_code(elb, "DeleteLoadBalancer", "OperationNotPermitted"),
        Some(ErrorKind::Protected)
    );
    assert_eq!(
        kind_of_code(elb, "DeleteRule", "OperationNotPermitted"),
        Some(ErrorKind::Invalid)
    );
    // A quota of ACM; the SDK takes it for a rate.
    assert!(THROTTLING_ERRORS.contains(&"LimitExceededException"));
    assert_eq!(
        kind_of_code(Service::Acm, "ImportCertificate", "LimitExceededException"),
        Some(ErrorKind::QuotaExceeded)
    );
    assert_eq!(
        kind_of_code(Service::Ec2, "CreateTags", "Client.InvalidGroup.NotFound"),
        Some(ErrorKind::NotFound)
    );
    assert_eq!(kind_of_code(elb, "CreateRule", "InvalidGroup.NotFound"), None);
}

/// What the SDK repeats as throttled slows us down too, unless it is a quota or somebody else's change.
#[test]
fn the_sdk_and_we_agree_on_throttling() {
    let not_of_ours = [
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
    ];
    for code in THROTTLING_ERRORS
        .iter()
        .filter(|code| !not_of_ours.contains(code))
    {
        assert!(ALL.iter().all(|call| throttles(call.service, code)), "{code}");
    }
    for code in not_of_ours {
        assert!(!throttles(Service::ElasticLoadBalancing, code));
    }
}

#[test]
fn an_error_is_found_below_others() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Busy);
    let busy = Busy {
        bucket: Bucket::ElbModify,
        after: Duration::from_secs(7),
    };
    assert_eq!(find::<Busy>(Some(&Outer(busy))), Some(&busy));
    assert_eq!(find::<Busy>(Some(&std::fmt::Error)), None);
}
