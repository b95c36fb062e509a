#!/usr/bin/env python3
"""Cuts botocore's service models down to the operations that the simulator serves.

    pip download --no-deps botocore==1.44.5
    python3 e2e/aws/models/prune.py botocore-1.44.5-py3-none-any.whl [--check]

Everything is kept of an operation and of the shapes that it reaches but the prose and rules of endpoints.
"""

import gzip
import json
import pathlib
import sys
import zipfile

# The name of the model file, its folder in botocore, its operations.
SERVICES = {
    "elbv2": (
        "elbv2/2015-12-01",
        """AddListenerCertificates AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup
        DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets DescribeAccountLimits
        DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates DescribeListeners
        DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeRules DescribeSSLPolicies DescribeTags
        DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth ModifyCapacityReservation ModifyIpPools ModifyListener
        ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup
        ModifyTargetGroupAttributes RegisterTargets RemoveListenerCertificates RemoveTags SetIpAddressType
        SetRulePriorities SetSecurityGroups SetSubnets
        CreateTrustStore DeleteTrustStore DescribeTrustStores""",
    ),
    "ec2": (
        "ec2/2016-11-15",
        """AllocateAddress AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup CreateTags
        DeleteSecurityGroup DeleteTags DescribeAddresses DescribeAvailabilityZones DescribeInstances
        DescribeInternetGateways DescribeNetworkInterfaces DescribeRouteTables DescribeSecurityGroupRules
        DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVpcs ReleaseAddress RevokeSecurityGroupEgress
        RevokeSecurityGroupIngress""",
    ),
    "acm": (
        "acm/2015-12-08",
        """AddTagsToCertificate DeleteCertificate DescribeCertificate GetCertificate ImportCertificate
        ListCertificates ListTagsForCertificate RemoveTagsFromCertificate RequestCertificate""",
    ),
    "s3": (
        "s3/2006-03-01",
        "CreateBucket DeleteObject GetObject PutObject",
    ),
    "sts": (
        "sts/2011-06-15",
        "AssumeRole AssumeRoleWithWebIdentity GetAccessKeyInfo GetCallerIdentity",
    ),
    "tagging": (
        "resourcegroupstaggingapi/2017-01-26",
        "GetResources GetTagKeys GetTagValues",
    ),
    "lattice": (
        "vpc-lattice/2022-11-30",
        """BatchUpdateRule CreateAccessLogSubscription CreateListener CreateRule CreateService CreateServiceNetwork
        CreateServiceNetworkServiceAssociation CreateServiceNetworkVpcAssociation CreateTargetGroup
        DeleteAccessLogSubscription DeleteAuthPolicy DeleteListener DeleteRule DeleteService DeleteServiceNetwork
        DeleteServiceNetworkServiceAssociation DeleteServiceNetworkVpcAssociation DeleteTargetGroup
        DeregisterTargets GetAuthPolicy GetListener GetRule GetService GetServiceNetwork
        GetServiceNetworkServiceAssociation GetServiceNetworkVpcAssociation GetTargetGroup ListAccessLogSubscriptions ListListeners ListRules
        ListServiceNetworkServiceAssociations ListServiceNetworkVpcAssociations ListServiceNetworks ListServices
        ListTagsForResource ListTargetGroups ListTargets PutAuthPolicy RegisterTargets TagResource UntagResource
        UpdateListener UpdateRule UpdateService UpdateServiceNetwork UpdateServiceNetworkVpcAssociation
        UpdateTargetGroup""",
    ),
    "shield": (
        "shield/2016-06-02",
        """CreateProtection CreateSubscription DeleteProtection DescribeProtection GetSubscriptionState ListProtections
        ListTagsForResource""",
    ),
    "waf": (
        "wafv2/2019-07-29",
        """AssociateWebACL CreateWebACL DeleteWebACL DisassociateWebACL GetWebACLForResource ListResourcesForWebACL
        ListWebACLs""",
    ),
    "quotas": (
        "service-quotas/2019-06-24",
        """GetAWSDefaultServiceQuota GetServiceQuota ListAWSDefaultServiceQuotas ListServiceQuotas ListServices""",
    ),
}

PROSE = {"documentation", "documentationUrl", "endpointdiscovery", "endpoint", "examples"}


def references(value):
    """Names of the shapes that a part of a model names."""
    if isinstance(value, dict):
        name = value.get("shape")
        if isinstance(name, str):
            yield name
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def without_prose(value):
    """The same without documentation, in the order of the source."""
    if isinstance(value, dict):
        # A member of a structure may itself be called as prose is.
        members = value.get("members")
        kept = {k: without_prose(v) for k, v in value.items() if k not in PROSE and k != "members"}
        if isinstance(members, dict):
            kept["members"] = {k: without_prose(v) for k, v in members.items()}
        elif members is not None:
            kept["members"] = members
        return kept
    if isinstance(value, list):
        return [without_prose(part) for part in value]
    return value


def prune(model, operations):
    missing = sorted(set(operations) - set(model["operations"]))
    if missing:
        sys.exit(f"not in the model: {missing}")
    kept = {name: model["operations"][name] for name in sorted(operations)}
    reached, waiting = set(), list(references(kept))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(references({k: v for k, v in model["shapes"][name].items()}))
    metadata = {k: v for k, v in model["metadata"].items() if isinstance(v, (str, list))}
    return {
        "metadata": metadata,
        "operations": {name: without_prose(operation) for name, operation in kept.items()},
        "shapes": {name: without_prose(model["shapes"][name]) for name in sorted(reached)},
    }


def models(source):
    """Paths of the models and what they should be, from a wheel or from the folder that botocore is installed in."""
    here = pathlib.Path(__file__).parent
    path = pathlib.Path(source)
    root = path if path.is_dir() else zipfile.Path(path)
    for name, (folder, operations) in SERVICES.items():
        packed = (root / "botocore" / "data" / folder / "service-2.json.gz").read_bytes()
        model = prune(json.loads(gzip.decompress(packed)), operations.split())
        yield here / f"{name}.json", json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    check = "--check" in sys.argv
    for path, text in models(sys.argv[1]):
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"{path} differs from what this script makes")


if __name__ == "__main__":
    main()
