"""Web ACLs in front of load balancers, driven by boto3."""

from harness import Case

VISIBILITY = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "checks"}


class WebAcls(Case):
    def test_a_life_of_a_web_acl(self):
        waf, elb, ec2 = self.client("wafv2"), self.client("elbv2"), self.client("ec2")
        zones = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]}
        (made,) = elb.create_load_balancer(Name="walled", Subnets=list(zones.values()))["LoadBalancers"]
        balancer = made["LoadBalancerArn"]
        self.assertNotIn("WebACL", waf.get_web_acl_for_resource(ResourceArn=balancer))

        wanted = {
            "Name": "walls",
            "Scope": "REGIONAL",
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": VISIBILITY,
        }
        summary = waf.create_web_acl(**wanted)["Summary"]
        acl = summary["ARN"]
        self.refused("WAFDuplicateItemException", waf.create_web_acl, **wanted)
        self.assertIn(acl, [found["ARN"] for found in waf.list_web_acls(Scope="REGIONAL")["WebACLs"]])

        nowhere = acl.replace("/walls/", "/nowhere/")
        self.refused(
            "WAFNonexistentItemException", waf.associate_web_acl, WebACLArn=nowhere, ResourceArn=balancer
        )
        waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)
        found = waf.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]
        self.assertEqual((acl, "walls"), (found["ARN"], found["Name"]))
        self.assertEqual([balancer], waf.list_resources_for_web_acl(WebACLArn=acl)["ResourceArns"])

        removal = {name: summary[name] for name in ("Name", "Id", "LockToken")} | {"Scope": "REGIONAL"}
        self.refused("WAFAssociatedItemException", waf.delete_web_acl, **removal)
        waf.disassociate_web_acl(ResourceArn=balancer)
        self.assertNotIn("WebACL", waf.get_web_acl_for_resource(ResourceArn=balancer))
        waf.delete_web_acl(**removal)
        self.refused("WAFNonexistentItemException", waf.delete_web_acl, **removal)
        elb.delete_load_balancer(LoadBalancerArn=balancer)
