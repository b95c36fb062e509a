//! The table.

use super::clients::{ec2, quotas, s3, shield, sts, waf};
use super::{Call, Grant, Implied, Kind, Scope, Service};
use crate::limiter::Bucket;
use Kind::{Bundle, Certificate, Listener, LoadBalancer, Rule, TargetGroup, TrustStore};
use Scope::{Marks, MarksOrOurs, MarksWithin, Ours, Tags};

/// Every call.
pub static ALL: &[&Call] = &[
    // Elastic Load Balancing.
    &elb_read("DescribeLoadBalancers", "what exists, and whether it is active"),
    &elb_read("DescribeLoadBalancerAttributes", "differences of attributes"),
    &elb_read("DescribeListeners", "what exists"),
    &elb_read("DescribeListenerAttributes", "differences of attributes"),
    &elb_read("DescribeListenerCertificates", "differences of certificates"),
    &elb_read("DescribeRules", "what exists"),
    &elb_read("DescribeTargetGroups", "what exists"),
    &elb_read("DescribeTargetGroupAttributes", "differences of attributes"),
    &elb_read(
        "DescribeTargetHealth",
        "who is registered, and whether it is healthy",
    ),
    &elb_read("DescribeTags", "what is ours"),
    &elb_read("DescribeAccountLimits", "quota forecast"),
    &elb_read(
        "DescribeCapacityReservation",
        "whether what parameters reserve is there",
    ),
    &elb(
        "CreateLoadBalancer",
        &[LoadBalancer],
        Marks,
        "the load balancer of a Gateway",
    ),
    &elb(
        "DeleteLoadBalancer",
        &[LoadBalancer],
        Ours,
        "a Gateway is gone, or its load balancer was replaced",
    ),
    &elb(
        "ModifyLoadBalancerAttributes",
        &[LoadBalancer],
        Ours,
        "attributes that parameters set",
    ),
    &elb(
        "SetSubnets",
        &[LoadBalancer],
        Ours,
        "subnets that parameters or discovery name",
    ),
    &elb(
        "SetSecurityGroups",
        &[LoadBalancer],
        Ours,
        "security groups of parameters, or one of our own",
    ),
    &elb(
        "SetIpAddressType",
        &[LoadBalancer],
        Ours,
        "address families that parameters name",
    ),
    &elb(
        "ModifyIpPools",
        &[LoadBalancer],
        Ours,
        "the pool of public addresses that parameters name",
    ),
    &elb(
        "ModifyCapacityReservation",
        &[LoadBalancer],
        Ours,
        "capacity that parameters reserve",
    ),
    &elb(
        "CreateListener",
        &[LoadBalancer],
        MarksWithin,
        "a port of a Gateway",
    ),
    &elb(
        "ModifyListener",
        &[Listener],
        Ours,
        "protocol, certificate, policy and default action",
    ),
    &elb(
        "ModifyListenerAttributes",
        &[Listener],
        Ours,
        "attributes that parameters or filters set",
    ),
    &elb("DeleteListener", &[Listener], Ours, "a port is gone"),
    &elb(
        "AddListenerCertificates",
        &[Listener],
        Ours,
        "certificates for further hosts",
    ),
    &elb(
        "RemoveListenerCertificates",
        &[Listener],
        Ours,
        "certificates that are not wanted any more",
    ),
    &elb("CreateRule", &[Listener], MarksWithin, "a rule of a route"),
    &elb("ModifyRule", &[Rule], Ours, "an edit of a route"),
    &elb("DeleteRule", &[Rule], Ours, "a rule of a route is gone"),
    &elb("SetRulePriorities", &[Rule], Ours, "precedence of routes"),
    &elb("CreateTargetGroup", &[TargetGroup], Marks, "a backend of a route"),
    &elb(
        "ModifyTargetGroup",
        &[TargetGroup],
        Ours,
        "health checks that parameters set",
    ),
    &elb(
        "ModifyTargetGroupAttributes",
        &[TargetGroup],
        Ours,
        "attributes that parameters set",
    ),
    &elb("DeleteTargetGroup", &[TargetGroup], Ours, "a backend is gone"),
    &elb_targets("RegisterTargets", "endpoints of a backend"),
    &elb_targets("DeregisterTargets", "endpoints that go away"),
    &elb(
        "AddTags",
        &[LoadBalancer, Listener, Rule, TargetGroup, TrustStore],
        Tags(&[
            "CreateLoadBalancer",
            "CreateListener",
            "CreateRule",
            "CreateTargetGroup",
            "CreateTrustStore",
        ]),
        "marks of ownership, and tags that parameters or infrastructure labels ask for",
    ),
    &elb(
        "RemoveTags",
        &[LoadBalancer, Listener, Rule, TargetGroup, TrustStore],
        Ours,
        "tags that are not wanted any more",
    ),
    &elb_read("DescribeTrustStores", "which trust stores are ours"),
    &elb(
        "CreateTrustStore",
        &[TrustStore],
        Marks,
        "the authorities of client certificates",
    ),
    &elb(
        "DeleteTrustStore",
        &[TrustStore],
        Ours,
        "nobody is checked by its authorities any more",
    ),
    // S3.
    &s3::PUT_OBJECT,
    &s3::DELETE_OBJECT,
    // VPC Lattice.
    &lattice_read("GetServiceNetwork", "what exists"),
    &lattice_read("ListServiceNetworks", "whose a name is that is taken"),
    &lattice_read(
        "ListServiceNetworkVpcAssociations",
        "which VPCs reach a network, and which network a VPC has",
    ),
    &lattice_read("GetServiceNetworkVpcAssociation", "its security groups"),
    &lattice_read(
        "ListServiceNetworkServiceAssociations",
        "which networks a service is in",
    ),
    &lattice_read("GetService", "what exists, and its name"),
    &lattice_read("ListServices", "whose a name is that is taken"),
    &lattice_read("ListListeners", "what exists"),
    &lattice_read("GetListener", "its default action"),
    &lattice_read("ListRules", "what exists"),
    &lattice_read("GetRule", "its match and action"),
    &lattice_read("GetTargetGroup", "what exists"),
    &lattice_read("ListTargetGroups", "whose a name is that is taken"),
    &lattice_read("ListTargets", "who is registered"),
    &lattice_read("GetAuthPolicy", "differences of policies"),
    &lattice_read("ListAccessLogSubscriptions", "where access is logged"),
    &lattice_read("ListTagsForResource", "what is ours"),
    &lattice(
        "CreateServiceNetwork",
        &[Kind::LatticeNetwork],
        Marks,
        "the service network of a Gateway",
    ),
    &lattice(
        "UpdateServiceNetwork",
        &[Kind::LatticeNetwork],
        Ours,
        "whether callers are authenticated",
    ),
    &lattice(
        "DeleteServiceNetwork",
        &[Kind::LatticeNetwork],
        Ours,
        "a Gateway is gone",
    ),
    &lattice(
        "CreateServiceNetworkVpcAssociation",
        &[Kind::LatticeVpcAssociation, Kind::LatticeNetwork],
        Marks,
        "clients of a VPC reach the network",
    ),
    &lattice(
        "UpdateServiceNetworkVpcAssociation",
        &[Kind::LatticeVpcAssociation],
        Ours,
        "its security groups",
    ),
    &lattice(
        "DeleteServiceNetworkVpcAssociation",
        &[Kind::LatticeVpcAssociation],
        Ours,
        "a Gateway is gone, or asks for another VPC",
    ),
    &lattice(
        "CreateServiceNetworkServiceAssociation",
        &[
            Kind::LatticeServiceAssociation,
            Kind::LatticeNetwork,
            Kind::LatticeService,
        ],
        Marks,
        "a service is reached",
    ),
    &lattice(
        "DeleteServiceNetworkServiceAssociation",
        &[Kind::LatticeServiceAssociation],
        Ours,
        "a hostname is gone",
    ),
    &lattice(
        "CreateService",
        &[Kind::LatticeService],
        Marks,
        "a hostname of a Gateway",
    ),
    &lattice(
        "UpdateService",
        &[Kind::LatticeService],
        Ours,
        "certificate, and whether callers are authenticated",
    ),
    &lattice(
        "DeleteService",
        &[Kind::LatticeService],
        Ours,
        "a hostname is gone",
    ),
    &lattice(
        "CreateListener",
        &[Kind::LatticeListener],
        Marks,
        "a port of a Gateway",
    ),
    &lattice(
        "UpdateListener",
        &[Kind::LatticeListener],
        Ours,
        "its default action",
    ),
    &lattice("DeleteListener", &[Kind::LatticeListener], Ours, "a port is gone"),
    &lattice("CreateRule", &[Kind::LatticeRule], Marks, "a rule of a route"),
    &lattice("UpdateRule", &[Kind::LatticeRule], Ours, "an edit of a route"),
    &lattice(
        "BatchUpdateRule",
        &[Kind::LatticeRule],
        Ours,
        "precedence of routes",
    ),
    &lattice(
        "DeleteRule",
        &[Kind::LatticeRule],
        Ours,
        "a rule of a route is gone",
    ),
    &lattice(
        "CreateTargetGroup",
        &[Kind::LatticeTargetGroup],
        Marks,
        "a backend of a route",
    ),
    &lattice(
        "UpdateTargetGroup",
        &[Kind::LatticeTargetGroup],
        Ours,
        "health checks that parameters set",
    ),
    &lattice(
        "DeleteTargetGroup",
        &[Kind::LatticeTargetGroup],
        Ours,
        "a backend is gone",
    ),
    &lattice(
        "RegisterTargets",
        &[Kind::LatticeTargetGroup],
        Ours,
        "endpoints of a backend",
    ),
    &lattice(
        "DeregisterTargets",
        &[Kind::LatticeTargetGroup],
        Ours,
        "endpoints that go away",
    ),
    &lattice(
        "PutAuthPolicy",
        &[Kind::LatticeNetwork, Kind::LatticeService],
        Ours,
        "auth policies of parameters",
    ),
    &lattice(
        "DeleteAuthPolicy",
        &[Kind::LatticeNetwork, Kind::LatticeService],
        Ours,
        "policies that are not wanted any more",
    ),
    &lattice(
        "CreateAccessLogSubscription",
        &[Kind::LatticeLog],
        Marks,
        "access logs of parameters",
    ),
    &lattice(
        "DeleteAccessLogSubscription",
        &[Kind::LatticeLog],
        Ours,
        "access logs that are not wanted any more",
    ),
    &lattice(
        "TagResource",
        &[
            Kind::LatticeNetwork,
            Kind::LatticeVpcAssociation,
            Kind::LatticeServiceAssociation,
            Kind::LatticeService,
            Kind::LatticeListener,
            Kind::LatticeRule,
            Kind::LatticeTargetGroup,
            Kind::LatticeLog,
        ],
        MarksOrOurs,
        "marks of ownership, and tags that parameters or infrastructure labels ask for",
    ),
    &lattice(
        "UntagResource",
        &[
            Kind::LatticeNetwork,
            Kind::LatticeService,
            Kind::LatticeTargetGroup,
        ],
        Ours,
        "tags that are not wanted any more",
    ),
    // EC2.
    &ec2::DESCRIBE_VPCS,
    &ec2::DESCRIBE_SUBNETS,
    &ec2::DESCRIBE_ADDRESSES,
    &ec2::DESCRIBE_ROUTE_TABLES,
    &ec2::DESCRIBE_SECURITY_GROUPS,
    &ec2::CREATE_SECURITY_GROUP,
    &ec2::DELETE_SECURITY_GROUP,
    &ec2::AUTHORIZE_SECURITY_GROUP_INGRESS,
    &ec2::REVOKE_SECURITY_GROUP_INGRESS,
    &ec2::CREATE_TAGS,
    &ec2::DELETE_TAGS,
    // Certificate Manager.
    &acm_read(
        "ListCertificates",
        Bucket::AcmList,
        "discovery of certificates by host",
    ),
    &acm_read(
        "DescribeCertificate",
        Bucket::AcmRead,
        "state and hosts of a certificate",
    ),
    &acm_read(
        "ListTagsForCertificate",
        Bucket::AcmRead,
        "whether a certificate that was imported a moment ago is ours",
    ),
    &acm(
        "ImportCertificate",
        MarksOrOurs,
        Bucket::AcmImport,
        "certificates of Secrets, and their rotation",
    ),
    &acm(
        "AddTagsToCertificate",
        MarksOrOurs,
        Bucket::AcmWrite,
        "marks of ownership, and the fingerprint that shows a rotation",
    ),
    &acm(
        "RemoveTagsFromCertificate",
        Ours,
        Bucket::AcmWrite,
        "tags that are not wanted any more",
    ),
    &acm("DeleteCertificate", Ours, Bucket::AcmWrite, "a Secret is gone"),
    // Tags.
    &read(
        Service::Tagging,
        "GetResources",
        Bucket::TaggingRead,
        "what of a kind is ours, in one listing",
    ),
    // Quotas.
    &quotas::LIST_SERVICE_QUOTAS,
    // AWS WAF.
    &waf::GET_WEB_ACL_FOR_RESOURCE,
    &waf::ASSOCIATE_WEB_ACL,
    &waf::DISASSOCIATE_WEB_ACL,
    // AWS Shield.
    &shield::DESCRIBE_PROTECTION,
    &shield::CREATE_PROTECTION,
    &shield::DELETE_PROTECTION,
    // Identity.
    &sts::GET_CALLER_IDENTITY,
];

/// Actions that calls need beside their own.
pub static IMPLIED: &[Implied] = &[
    Implied {
        action: "iam:CreateServiceLinkedRole",
        grant: Grant::LoadBalancing,
        on: &[Kind::ServiceLinkedRole],
        scope: Scope::Always,
        condition: Some(("iam:AWSServiceName", "elasticloadbalancing.amazonaws.com")),
        why: "the first load balancer of an account makes the role of Elastic Load Balancing",
    },
    Implied {
        action: "s3:GetObject",
        grant: Grant::LoadBalancing,
        on: &[Bundle],
        scope: Scope::Always,
        condition: None,
        why: "CreateTrustStore reads the bundle as whoever calls it",
    },
    looked_at(
        "ec2:DescribeAccountAttributes",
        "CreateLoadBalancer looks at the account's network as whoever calls it",
    ),
    looked_at(
        "ec2:DescribeCoipPools",
        "CreateLoadBalancer looks for a pool of customer-owned addresses as whoever calls it",
    ),
    looked_at(
        "ec2:GetCoipPoolUsage",
        "CreateLoadBalancer looks whether such a pool has addresses as whoever calls it",
    ),
    looked_at(
        "ec2:DescribeIpamPools",
        "ModifyIpPools looks for the pool as whoever calls it",
    ),
    looked_at(
        "ec2:DescribeInternetGateways",
        "CreateLoadBalancer, CreateTargetGroup and RegisterTargets look whether the VPC has a way to the internet",
    ),
    looked_at(
        "ec2:DescribeInstances",
        "RegisterTargets looks for its targets as whoever calls it",
    ),
    // "Actions that require additional permissions settings",
    // https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_service-with-iam.html.
    Implied {
        action: "elasticloadbalancing:SetWebACL",
        grant: Grant::Protection,
        on: &[Kind::ApplicationLoadBalancer],
        scope: Ours,
        condition: None,
        why: "AssociateWebACL and DisassociateWebACL change a load balancer",
    },
    // "This call uses GetWebACL, to verify that your account has permission to access the retrieved web ACL"
    // (`API_GetWebACLForResource`).
    Implied {
        action: "wafv2:GetWebACL",
        grant: Grant::Protection,
        on: &[Kind::WebAcl],
        scope: Scope::Always,
        condition: None,
        why: "GetWebACLForResource shows the web ACL",
    },
    Implied {
        action: "shield:TagResource",
        grant: Grant::Protection,
        on: &[Kind::Protection],
        scope: Marks,
        condition: None,
        why: "CreateProtection gives the protection its tags",
    },
];

/// What calls of Elastic Load Balancing look at with the caller's rights
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html>); VPCs, subnets, security groups
/// and addresses are looked at by the controller, too, and so are among the calls.
const fn looked_at(action: &'static str, why: &'static str) -> Implied {
    Implied {
        action,
        grant: Grant::LoadBalancing,
        on: &[Kind::Any],
        scope: Scope::Always,
        condition: None,
        why,
    }
}

/// Reads are allowed on everything: most know no resources, and none gives away a secret.
pub(super) const fn read(
    service: Service,
    operation: &'static str,
    bucket: Bucket,
    why: &'static str,
) -> Call {
    Call {
        service,
        operation,
        on: &[Kind::Any],
        scope: Scope::Always,
        bucket,
        why,
    }
}

const fn lattice_read(operation: &'static str, why: &'static str) -> Call {
    read(Service::VpcLattice, operation, Bucket::LatticeRead, why)
}

const fn lattice(operation: &'static str, on: &'static [Kind], scope: Scope, why: &'static str) -> Call {
    Call {
        service: Service::VpcLattice,
        operation,
        on,
        scope,
        bucket: Bucket::LatticeWrite,
        why,
    }
}

const fn elb_read(operation: &'static str, why: &'static str) -> Call {
    read(Service::ElasticLoadBalancing, operation, Bucket::ElbDescribe, why)
}

const fn elb(operation: &'static str, on: &'static [Kind], scope: Scope, why: &'static str) -> Call {
    Call {
        service: Service::ElasticLoadBalancing,
        operation,
        on,
        scope,
        bucket: Bucket::ElbModify,
        why,
    }
}

const fn elb_targets(operation: &'static str, why: &'static str) -> Call {
    Call {
        bucket: Bucket::ElbTargets,
        ..elb(operation, &[TargetGroup], Ours, why)
    }
}

const fn acm_read(operation: &'static str, bucket: Bucket, why: &'static str) -> Call {
    read(Service::Acm, operation, bucket, why)
}

const fn acm(operation: &'static str, scope: Scope, bucket: Bucket, why: &'static str) -> Call {
    Call {
        service: Service::Acm,
        operation,
        on: &[Certificate],
        scope,
        bucket,
        why,
    }
}
