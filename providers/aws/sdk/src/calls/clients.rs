//! Calls of small clients of our own, which name them one by one.

use super::table::read;
use super::{Call, Kind, Scope, Service};
use crate::limiter::Bucket;
use Kind::{Bundle, SecurityGroup, Vpc};
use Scope::{Marks, Named, Ours, OursOrGiven, Tags};

/// S3.
pub(crate) mod s3 {
    use super::{Bucket, Bundle, Call, Named, Service};

    const fn object(operation: &'static str, why: &'static str) -> Call {
        Call {
            service: Service::S3,
            operation,
            on: &[Bundle],
            scope: Named,
            bucket: Bucket::S3Write,
            why,
        }
    }

    pub static PUT_OBJECT: Call = object("PutObject", "the authorities that a trust store is made of");
    pub static DELETE_OBJECT: Call = object("DeleteObject", "the trust store is gone");
}

/// EC2.
pub(crate) mod ec2 {
    use super::{Bucket, Call, Marks, Ours, OursOrGiven, Scope, SecurityGroup, Service, Tags, Vpc, read};

    const fn describe(operation: &'static str, why: &'static str) -> Call {
        read(Service::Ec2, operation, Bucket::Ec2Read, why)
    }

    const fn group(operation: &'static str, scope: Scope, why: &'static str) -> Call {
        Call {
            service: Service::Ec2,
            operation,
            on: &[SecurityGroup],
            scope,
            bucket: Bucket::Ec2Write,
            why,
        }
    }

    pub static DESCRIBE_VPCS: Call = describe("DescribeVpcs", "address ranges of the VPC");
    pub static DESCRIBE_ADDRESSES: Call = describe(
        "DescribeAddresses",
        "addresses that a Network Load Balancer is to keep",
    );
    pub static DESCRIBE_SUBNETS: Call = describe("DescribeSubnets", "discovery of subnets");
    pub static DESCRIBE_ROUTE_TABLES: Call =
        describe("DescribeRouteTables", "which subnets reach the internet");
    pub static DESCRIBE_SECURITY_GROUPS: Call =
        describe("DescribeSecurityGroups", "what exists, and what nodes let in");
    pub static CREATE_SECURITY_GROUP: Call = Call {
        on: &[SecurityGroup, Vpc],
        ..group(
            "CreateSecurityGroup",
            Marks,
            "the security group of a load balancer",
        )
    };
    pub static DELETE_SECURITY_GROUP: Call = group("DeleteSecurityGroup", Ours, "a load balancer is gone");
    pub static AUTHORIZE_SECURITY_GROUP_INGRESS: Call = group(
        "AuthorizeSecurityGroupIngress",
        OursOrGiven,
        "clients of the Gateway, and load balancers on their way to nodes",
    );
    pub static REVOKE_SECURITY_GROUP_INGRESS: Call = group(
        "RevokeSecurityGroupIngress",
        OursOrGiven,
        "ports and sources that are gone",
    );
    pub static CREATE_TAGS: Call = group(
        "CreateTags",
        Tags(&["CreateSecurityGroup"]),
        "marks of ownership, and tags that parameters ask for",
    );
    pub static DELETE_TAGS: Call = group("DeleteTags", Ours, "tags that are not wanted any more");
}

/// Service Quotas.
pub(crate) mod quotas {
    use super::{Bucket, Call, Service, read};

    pub static LIST_SERVICE_QUOTAS: Call = read(
        Service::Quotas,
        "ListServiceQuotas",
        Bucket::QuotasRead,
        "quota forecast",
    );
}

/// AWS WAF.
pub(crate) mod waf {
    use super::{Bucket, Call, Kind, Scope, Service, read};

    pub static GET_WEB_ACL_FOR_RESOURCE: Call = read(
        Service::Waf,
        "GetWebACLForResource",
        Bucket::WafRead,
        "which web ACL stands in front of a load balancer",
    );
    pub static ASSOCIATE_WEB_ACL: Call = Call {
        on: &[Kind::ApplicationLoadBalancer, Kind::WebAcl],
        ..put("AssociateWebACL", "the web ACL that parameters name")
    };
    // The developer guide's policy allows it on `*`.
    pub static DISASSOCIATE_WEB_ACL: Call =
        put("DisassociateWebACL", "a web ACL that parameters name no more");

    const fn put(operation: &'static str, why: &'static str) -> Call {
        Call {
            service: Service::Waf,
            operation,
            on: &[Kind::Any],
            scope: Scope::Joined,
            bucket: Bucket::WafWrite,
            why,
        }
    }
}

/// AWS Shield.
pub(crate) mod shield {
    use super::{Bucket, Call, Kind, Marks, Ours, Scope, Service, read};

    pub static DESCRIBE_PROTECTION: Call = read(
        Service::Shield,
        "DescribeProtection",
        Bucket::ShieldRead,
        "whether a load balancer is protected, and by whose protection",
    );
    pub static CREATE_PROTECTION: Call =
        write("CreateProtection", Marks, "parameters ask for Shield Advanced");
    pub static DELETE_PROTECTION: Call = write(
        "DeleteProtection",
        Ours,
        "parameters ask for it no more, or the load balancer goes",
    );

    const fn write(operation: &'static str, scope: Scope, why: &'static str) -> Call {
        Call {
            service: Service::Shield,
            operation,
            on: &[Kind::Protection],
            scope,
            bucket: Bucket::ShieldWrite,
            why,
        }
    }
}

/// Security Token Service.
pub(crate) mod sts {
    use super::{Bucket, Call, Service, read};

    pub static GET_CALLER_IDENTITY: Call = read(
        Service::Sts,
        "GetCallerIdentity",
        Bucket::Identity,
        "which account this is: rates are counted by account",
    );
}
