//! The one table from AWS's error codes to kinds.
//!
//! Sources: "Errors" of each operation and "Common Errors" of the API references:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
//! <https://docs.aws.amazon.com/acm/latest/APIReference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.

use crate::calls::Service;
use gatewright_provider_api::contract::ErrorKind;

const THROTTLED: ErrorKind = ErrorKind::Throttled { after: None };

/// Codes that mean one thing wherever they come from.
const ANYWHERE: &[(ErrorKind, &[&str])] = &[
    (
        THROTTLED,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "SlowDown",
        ],
    ),
    (
        ErrorKind::Forbidden,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "Blocked",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "PendingVerification",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
        ],
    ),
    (
        ErrorKind::Unavailable,
        &[
            "HealthUnavailable",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceException",
            "ServiceException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Unavailable",
        ],
    ),
    (ErrorKind::Timeout, &["RequestTimeout", "RequestTimeoutException"]),
    (
        ErrorKind::Invalid,
        &[
            "InvalidAction",
            "InvalidParameter",
            "InvalidParameterCombination",
            "InvalidParameterException",
            "InvalidParameterValue",
            "InvalidQueryParameter",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "UnknownParameter",
            "ValidationError",
            "ValidationException",
        ],
    ),
];

/// Elastic Load Balancing v2.
const ELB: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::Conflict,
        &[
            "PriorityInUse",
            "PriorRequestNotComplete",
            "CapacityReservationPending",
        ],
    ),
    (
        ErrorKind::NotFound,
        &[
            "ALPNPolicyNotFound",
            "AllocationIdNotFound",
            "CaCertificatesBundleNotFound",
            "CertificateNotFound",
            // "The specified security group does not exist": also right after it was made.
            "InvalidSecurityGroup",
            "ListenerNotFound",
            "LoadBalancerNotFound",
            "ResourceNotFound",
            "RuleNotFound",
            "SSLPolicyNotFound",
            "SubnetNotFound",
            "TargetGroupNotFound",
            "TrustStoreNotFound",
            "TrustStoreNotReady",
        ],
    ),
    (
        ErrorKind::NotOurs,
        &[
            "DuplicateListener",
            "DuplicateLoadBalancerName",
            "DuplicateTargetGroupName",
            "DuplicateTrustStoreName",
        ],
    ),
    (
        ErrorKind::QuotaExceeded,
        &[
            "CapacityDecreaseRequestLimitExceeded",
            "CapacityUnitsLimitExceeded",
            "TargetGroupAssociationLimit",
            "TooManyActions",
            "TooManyCertificates",
            "TooManyListeners",
            "TooManyLoadBalancers",
            "TooManyRegistrationsForTargetId",
            "TooManyRules",
            "TooManyTags",
            "TooManyTargetGroups",
            "TooManyTargets",
            "TooManyTrustStores",
            "TooManyUniqueTargetGroupsPerLoadBalancer",
        ],
    ),
    (ErrorKind::Unavailable, &["InsufficientCapacity"]),
    (ErrorKind::InUse, &["ResourceInUse", "TrustStoreInUse"]),
    (
        ErrorKind::Invalid,
        &[
            "AvailabilityZoneNotSupported",
            "DuplicateTagKeys",
            "IncompatibleProtocols",
            "InvalidCaCertificatesBundle",
            "InvalidConfigurationRequest",
            "InvalidLoadBalancerAction",
            "InvalidScheme",
            "InvalidSubnet",
            "InvalidTarget",
            "OperationNotPermitted",
            "UnsupportedCertificate",
            "UnsupportedProtocol",
        ],
    ),
];

/// VPC Lattice (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/CommonErrors.html>).
const LATTICE: &[(ErrorKind, &[&str])] = &[
    // "The request conflicts with the current state of the resource": something is on its way.
    (ErrorKind::Conflict, &["ConflictException"]),
    (ErrorKind::NotFound, &["ResourceNotFoundException"]),
    (ErrorKind::QuotaExceeded, &["ServiceQuotaExceededException"]),
];

/// EC2.
const EC2: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::Conflict,
        &[
            "InvalidPermission.Duplicate",
            "OperationInProgress",
            "IncorrectState",
        ],
    ),
    (
        ErrorKind::NotFound,
        &[
            "InvalidGroup.NotFound",
            "InvalidGroupId.NotFound",
            "InvalidID",
            "InvalidInstanceID.NotFound",
            "InvalidNetworkInterfaceID.NotFound",
            "InvalidPermission.NotFound",
            "InvalidRouteTableID.NotFound",
            "InvalidSecurityGroupID.NotFound",
            "InvalidSubnetID.NotFound",
            "InvalidVpcID.NotFound",
        ],
    ),
    (ErrorKind::NotOurs, &["InvalidGroup.Duplicate"]),
    (
        ErrorKind::QuotaExceeded,
        &[
            "RulesPerSecurityGroupLimitExceeded",
            "SecurityGroupLimitExceeded",
            "SecurityGroupsPerInstanceLimitExceeded",
            "TagLimitExceeded",
            "ResourceLimitExceeded",
        ],
    ),
    (ErrorKind::InUse, &["DependencyViolation", "InvalidGroup.InUse"]),
    (
        ErrorKind::Invalid,
        &[
            "CannotDelete",
            "InvalidGroup.Reserved",
            "InvalidGroupId.Malformed",
            "InvalidPermission.Malformed",
            "InvalidVpcId.Malformed",
            "OperationNotPermitted",
            "VPCIdNotSpecified",
        ],
    ),
];

/// Certificate Manager.
const ACM: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::Conflict,
        &["ConflictException", "RequestInProgressException"],
    ),
    (ErrorKind::NotFound, &["ResourceNotFoundException"]),
    // Elsewhere a rate; here "An ACM quota has been exceeded".
    (
        ErrorKind::QuotaExceeded,
        &["LimitExceededException", "TooManyTagsException"],
    ),
    (ErrorKind::InUse, &["ResourceInUseException"]),
    (
        ErrorKind::Invalid,
        &[
            "InvalidArgsException",
            "InvalidArnException",
            "InvalidStateException",
            "InvalidTagException",
            "TagPolicyException",
        ],
    ),
];

/// Resource Groups Tagging.
const TAGGING: &[(ErrorKind, &[&str])] = &[(
    ErrorKind::Conflict,
    &[
        "ConcurrentModificationException",
        "PaginationTokenExpiredException",
    ],
)];

/// Service Quotas.
const QUOTAS: &[(ErrorKind, &[&str])] = &[
    (ErrorKind::NotFound, &["NoSuchResourceException"]),
    (
        ErrorKind::Invalid,
        &["IllegalArgumentException", "InvalidPaginationTokenException"],
    ),
];

/// S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
const S3: &[(ErrorKind, &[&str])] = &[
    (ErrorKind::NotFound, &["NoSuchBucket", "NoSuchKey"]),
    (ErrorKind::Conflict, &["OperationAborted"]),
    (
        ErrorKind::Invalid,
        &[
            "AuthorizationHeaderMalformed",
            "EntityTooLarge",
            "InvalidBucketName",
            "InvalidRequest",
            "KeyTooLongError",
            "PermanentRedirect",
        ],
    ),
];

/// AWS WAF: <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html#API_AssociateWebACL_Errors>.
const WAF: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::NotFound,
        &[
            "WAFNonexistentItemException",
            // "If you've just created a resource that you're using in this operation, you might just need to wait a few
            // minutes."
            "WAFUnavailableEntityException",
        ],
    ),
    (ErrorKind::Unavailable, &["WAFInternalErrorException"]),
    (ErrorKind::QuotaExceeded, &["WAFLimitsExceededException"]),
    (
        ErrorKind::Invalid,
        &[
            "WAFFeatureNotIncludedInPricingPlanException",
            "WAFInvalidOperationException",
            "WAFInvalidParameterException",
        ],
    ),
];

/// AWS Shield: <https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_CreateProtection.html#API_CreateProtection_Errors>.
const SHIELD: &[(ErrorKind, &[&str])] = &[
    (ErrorKind::NotFound, &["ResourceNotFoundException"]),
    (ErrorKind::NotOurs, &["ResourceAlreadyExistsException"]),
    (ErrorKind::Conflict, &["OptimisticLockException"]),
    (ErrorKind::QuotaExceeded, &["LimitsExceededException"]),
    (ErrorKind::Unavailable, &["InternalErrorException"]),
    (
        ErrorKind::Invalid,
        &["InvalidOperationException", "InvalidResourceException"],
    ),
];

/// Security Token Service.
const STS: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::Forbidden,
        &[
            "IDPRejectedClaim",
            "InvalidIdentityToken",
            "RegionDisabledException",
        ],
    ),
    (ErrorKind::Unavailable, &["IDPCommunicationError"]),
    (
        ErrorKind::Invalid,
        &["MalformedPolicyDocument", "PackedPolicyTooLarge"],
    ),
];

/// Codes that mean something else for one operation.
///
/// `DeleteLoadBalancer`: deletion protection is on,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html>.
///
/// `AssociateWebACL`: the load balancer was read a moment ago, so that it is the web ACL of the parameters that is not
/// there.
///
/// `CreateProtection`: what is not there is the account's subscription.
///
/// VPC Lattice has one code for names that are taken, VPCs that have a network already, and what is in use.
const OPERATIONS: &[(Service, &str, &str, ErrorKind)] = &[
    (
        Service::ElasticLoadBalancing,
        "DeleteLoadBalancer",
        "OperationNotPermitted",
        ErrorKind::Protected,
    ),
    (
        Service::Waf,
        "AssociateWebACL",
        "WAFNonexistentItemException",
        ErrorKind::Invalid,
    ),
    (
        Service::Shield,
        "CreateProtection",
        "ResourceNotFoundException",
        ErrorKind::Invalid,
    ),
    taken("CreateServiceNetwork"),
    taken("CreateService"),
    taken("CreateTargetGroup"),
    taken("CreateServiceNetworkVpcAssociation"),
    used("DeleteServiceNetwork"),
    used("DeleteService"),
    used("DeleteTargetGroup"),
];

const fn taken(operation: &'static str) -> (Service, &'static str, &'static str, ErrorKind) {
    (
        Service::VpcLattice,
        operation,
        "ConflictException",
        ErrorKind::NotOurs,
    )
}

const fn used(operation: &'static str) -> (Service, &'static str, &'static str, ErrorKind) {
    (
        Service::VpcLattice,
        operation,
        "ConflictException",
        ErrorKind::InUse,
    )
}

/// The kind of a code, if it is known.
pub fn kind_of_code(service: Service, operation: &str, code: &str) -> Option<ErrorKind> {
    let special = OPERATIONS
        .iter()
        .find(|(of, at, one, _)| *of == service && *at == operation && *one == code);
    if let Some((_, _, _, kind)) = special {
        return Some(*kind);
    }
    let own = match service {
        Service::ElasticLoadBalancing => ELB,
        Service::VpcLattice => LATTICE,
        Service::Ec2 => EC2,
        Service::Acm => ACM,
        Service::Tagging => TAGGING,
        Service::Quotas => QUOTAS,
        Service::S3 => S3,
        Service::Waf => WAF,
        Service::Shield => SHIELD,
        Service::Sts => STS,
    };
    // EC2 tells of errors of the client's side as `Client.<code>` in some old operations.
    let code = code.strip_prefix("Client.").unwrap_or(code);
    let known = |table: &'static [(ErrorKind, &[&str])]| {
        table
            .iter()
            .find(|(_, codes)| codes.contains(&code))
            .map(|(kind, _)| *kind)
    };
    known(own).or_else(|| known(ANYWHERE))
}

/// Codes that are about who calls, not about what is called.
pub(super) const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Whether a code says that AWS does not accept the caller's credentials.
pub(super) fn is_of_credentials(code: &str) -> bool {
    CREDENTIALS.contains(&code)
}

/// Whether a code says that there were too many calls.
pub(crate) fn throttles(service: Service, code: &str) -> bool {
    matches!(kind_of_code(service, "", code), Some(ErrorKind::Throttled { .. }))
}

#[cfg(test)]
pub(super) fn all() -> Vec<(Option<Service>, &'static str)> {
    let tables = [
        (None, ANYWHERE),
        (Some(Service::ElasticLoadBalancing), ELB),
        (Some(Service::VpcLattice), LATTICE),
        (Some(Service::Ec2), EC2),
        (Some(Service::Acm), ACM),
        (Some(Service::Tagging), TAGGING),
        (Some(Service::Quotas), QUOTAS),
        (Some(Service::S3), S3),
        (Some(Service::Waf), WAF),
        (Some(Service::Shield), SHIELD),
        (Some(Service::Sts), STS),
    ];
    let rows = tables.into_iter().flat_map(|(service, table)| {
        table
            .iter()
            .flat_map(move |(_, codes)| codes.iter().map(move |code| (service, *code)))
    });
    rows.collect()
}
