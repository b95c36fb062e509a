"""STS, the tagging API and Service Quotas driven by boto3."""

import base64
import json
import time

import certificates
from harness import Case


def jwt(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{base64.urlsafe_b64encode(b'signature').rstrip(b'=').decode()}"


class Identities(Case):
    role = "arn:aws:iam::210987654321:role/controller"

    def use(self, given):
        own = given["Credentials"]
        return self.session_of(own["AccessKeyId"], own["SecretAccessKey"], own["SessionToken"])

    def test_roles(self):
        sts = self.client("sts")
        self.assertEqual(self.account, sts.get_caller_identity()["Account"])
        given = sts.assume_role(RoleArn=self.role, RoleSessionName="check")
        session = self.use(given)
        me = self.client("sts", session).get_caller_identity()
        self.assertEqual("arn:aws:sts::210987654321:assumed-role/controller/check", me["Arn"])
        self.assertEqual(me["UserId"], given["AssumedRoleUser"]["AssumedRoleId"])
        # The role's account has a world of its own.
        (vpc,) = self.client("ec2", session).describe_vpcs()["Vpcs"]
        self.assertEqual("210987654321", vpc["OwnerId"])
        key = given["Credentials"]["AccessKeyId"]
        self.assertEqual("210987654321", sts.get_access_key_info(AccessKeyId=key)["Account"])
        stolen = self.session_of(key)
        self.refused("InvalidClientTokenId", self.client("sts", stolen).get_caller_identity)

    def test_web_identities(self):
        sts = self.client("sts")
        token = jwt(iss="https://oidc.example", sub="system:serviceaccount:a:b", aud="sts.amazonaws.com", exp=time.time() // 1 + 60)
        ask = {"RoleArn": self.role, "RoleSessionName": "check"}
        given = sts.assume_role_with_web_identity(**ask, WebIdentityToken=token)
        self.assertEqual("system:serviceaccount:a:b", given["SubjectFromWebIdentityToken"])
        self.client("sts", self.use(given)).get_caller_identity()
        self.refused("InvalidIdentityToken", sts.assume_role_with_web_identity, **ask, WebIdentityToken="nonsense")
        self.refused(
            "ExpiredTokenException", sts.assume_role_with_web_identity, **ask, WebIdentityToken=jwt(exp=1)
        )


class Tagging(Case):
    def test_tags(self):
        acm = self.client("acm")
        key = certificates.ec_key()
        arns = []
        for number in range(5):
            leaf, private = certificates.certificate(key, f"n{number}.example")
            tags = [{"Key": "owner", "Value": f"o{number % 2}"}]
            arns.append(acm.import_certificate(Certificate=leaf, PrivateKey=private, Tags=tags)["CertificateArn"])
        tagging = self.client("resourcegroupstaggingapi")
        pages = tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "owner"}],
            ResourceTypeFilters=["acm:certificate"],
            PaginationConfig={"PageSize": 2},
        )
        found = [row["ResourceARN"] for page in pages for row in page["ResourceTagMappingList"]]
        self.assertEqual(sorted(arns), sorted(found))
        (first, third, fifth) = tagging.get_resources(TagFilters=[{"Key": "owner", "Values": ["o0"]}])[
            "ResourceTagMappingList"
        ]
        self.assertEqual([{"Key": "owner", "Value": "o0"}], first["Tags"])
        self.assertIn("owner", tagging.get_tag_keys()["TagKeys"])
        self.assertEqual(["o0", "o1"], tagging.get_tag_values(Key="owner")["TagValues"])
        self.refused(
            "InvalidParameterException",
            tagging.get_resources,
            ResourceARNList=arns[:1],
            ResourceTypeFilters=["acm"],
        )


class Quotas(Case):
    def test_quotas(self):
        quotas = self.client("service-quotas")
        rules = quotas.get_service_quota(ServiceCode="elasticloadbalancing", QuotaCode="L-7EED9B64")["Quota"]
        self.assertEqual((100.0, True), (rules["Value"], rules["Adjustable"]))
        pages = quotas.get_paginator("list_service_quotas").paginate(
            ServiceCode="elasticloadbalancing", PaginationConfig={"PageSize": 5}
        )
        names = [quota["QuotaName"] for page in pages for quota in page["Quotas"]]
        self.assertIn("Target Groups per Application Load Balancer", names)
        self.assertEqual(len(names), len(set(names)))
        default = quotas.get_aws_default_service_quota(ServiceCode="vpc", QuotaCode="L-0EA8095F")["Quota"]
        self.assertEqual(60.0, default["Value"])
        self.assertTrue(quotas.list_aws_default_service_quotas(ServiceCode="acm")["Quotas"])
        codes = [service["ServiceCode"] for service in quotas.list_services()["Services"]]
        self.assertIn("elasticloadbalancing", codes)
        self.refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="acm", QuotaCode="L-00000000")
        self.refused("NoSuchResourceException", quotas.list_service_quotas, ServiceCode="nothing")
