"""A policy that calls must be allowed by."""

import harness
from harness import Case

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:CreateSecurityGroup"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}},
        },
        {
            "Effect": "Allow",
            "Action": "ec2:DeleteSecurityGroup",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/owner": "me"}},
        },
    ],
}


class Policies(Case):
    def setUp(self):
        super().setUp()
        harness.simulator.call_admin("PUT", "/policy", POLICY)
        self.addCleanup(harness.simulator.call_admin, "DELETE", "/policy")

    def test_what_is_allowed(self):
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]

        def group(name, owner):
            tags = [{"ResourceType": "security-group", "Tags": [{"Key": "owner", "Value": owner}]}]
            made = ec2.create_security_group(
                GroupName=name, Description="d", VpcId=vpc, TagSpecifications=tags
            )
            return made["GroupId"]

        mine, other = group("mine", "me"), group("other", "somebody")
        ec2.delete_security_group(GroupId=mine)
        message = self.refused("UnauthorizedOperation", ec2.delete_security_group, GroupId=other)
        self.assertIn("is not authorized to perform: ec2:DeleteSecurityGroup on resource: arn:aws:ec2:", message)
        tags = {"Resources": [other], "Tags": [{"Key": "owner", "Value": "me"}]}
        self.refused("UnauthorizedOperation", ec2.create_tags, **tags)
        elb = self.client("elbv2")
        message = self.refused("AccessDenied", elb.describe_load_balancers)
        self.assertIn("because no identity-based policy allows the elasticloadbalancing:Describe", message)
        self.refused("AccessDeniedException", self.client("acm").list_certificates)
        self.refused("AccessDeniedException", self.client("resourcegroupstaggingapi").get_resources)
        self.assertEqual(self.account, self.client("sts").get_caller_identity()["Account"])
