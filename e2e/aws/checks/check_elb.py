"""Elastic Load Balancing driven by boto3."""

import certificates
from harness import Case

FIXED = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing"},
}


class Elb(Case):
    def setUp(self):
        super().setUp()
        self.elb = self.client("elbv2")

    def balancer(self, name="web", **more):
        subnets = [subnet["SubnetId"] for subnet in self.subnets()]
        made = self.elb.create_load_balancer(Name=name, Subnets=subnets, Scheme="internet-facing", **more)
        (balancer,) = made["LoadBalancers"]
        return balancer

    def group(self, name="pods", **more):
        vpc = self.subnets()[0]["VpcId"]
        asked = {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip"} | more
        (group,) = self.elb.create_target_group(**asked)["TargetGroups"]
        return group

    def listener(self, balancer, port=80, **more):
        asked = {"Protocol": "HTTP", "DefaultActions": [FIXED]} | more
        (listener,) = self.elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Port=port, **asked)[
            "Listeners"
        ]
        return listener["ListenerArn"]


def host(*values):
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def path(*values):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


class LoadBalancers(Elb):
    def test_a_life_of_a_load_balancer(self):
        balancer = self.balancer(Tags=[{"Key": "owner", "Value": "me"}])
        arn = balancer["LoadBalancerArn"]
        self.assertEqual("provisioning", balancer["State"]["Code"])
        again = self.balancer(Tags=[{"Key": "owner", "Value": "me"}])
        self.assertEqual(arn, again["LoadBalancerArn"], "the same settings are no second load balancer")
        self.refused(
            "DuplicateLoadBalancerName",
            self.elb.create_load_balancer,
            Name="web",
            Subnets=[subnet["SubnetId"] for subnet in self.subnets("internal-elb")],
            Scheme="internal",
        )
        self.elb.get_waiter("load_balancer_available").wait(
            LoadBalancerArns=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        self.elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "more", "Value": "yes"}])
        self.elb.remove_tags(ResourceArns=[arn], TagKeys=["owner"])
        (told,) = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        self.assertEqual([{"Key": "more", "Value": "yes"}], told["Tags"])
        found = self.client("resourcegroupstaggingapi").get_resources(
            TagFilters=[{"Key": "more"}], ResourceTypeFilters=["elasticloadbalancing:loadbalancer"]
        )["ResourceTagMappingList"]
        self.assertEqual([arn], [row["ResourceARN"] for row in found])

        attributes = self.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        self.assertIn({"Key": "idle_timeout.timeout_seconds", "Value": "60"}, attributes)
        protect = [{"Key": "deletion_protection.enabled", "Value": "true"}]
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
        self.refused("OperationNotPermitted", self.elb.delete_load_balancer, LoadBalancerArn=arn)
        protect[0]["Value"] = "false"
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)

        ec2 = self.client("ec2")
        group = ec2.create_security_group(GroupName="web", Description="d", VpcId=balancer["VpcId"])["GroupId"]
        self.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        subnets = [subnet["SubnetId"] for subnet in self.subnets()]
        self.elb.set_subnets(LoadBalancerArn=arn, Subnets=subnets[:2])
        (told,) = self.elb.describe_load_balancers(Names=["web"])["LoadBalancers"]
        self.assertEqual(set(subnets[:2]), {zone["SubnetId"] for zone in told["AvailabilityZones"]})
        self.elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")
        pool = {"Ipv4IpamPoolId": "ipam-pool-0123456789abcdef0"}
        self.assertEqual(pool, self.elb.modify_ip_pools(LoadBalancerArn=arn, IpamPools=pool)["IpamPools"])
        (told,) = self.elb.describe_load_balancers(Names=["web"])["LoadBalancers"]
        self.assertEqual(pool, told["IpamPools"])
        self.elb.modify_ip_pools(LoadBalancerArn=arn, RemoveIpamPools=["ipv4"])
        self.elb.modify_capacity_reservation(LoadBalancerArn=arn, MinimumLoadBalancerCapacity={"CapacityUnits": 200})
        reserved = self.elb.describe_capacity_reservation(LoadBalancerArn=arn)
        self.assertEqual({"CapacityUnits": 200}, reserved["MinimumLoadBalancerCapacity"])
        self.assertEqual(2, reserved["DecreaseRequestsRemaining"])
        self.elb.delete_load_balancer(LoadBalancerArn=arn)
        self.elb.delete_load_balancer(LoadBalancerArn=arn)
        self.refused("LoadBalancerNotFound", self.elb.describe_load_balancers, LoadBalancerArns=[arn])

    def test_what_is_told_of_the_region(self):
        limits = {limit["Name"]: limit["Max"] for limit in self.elb.describe_account_limits()["Limits"]}
        self.assertEqual("100", limits["rules-per-application-load-balancer"])
        policies = self.elb.describe_ssl_policies()["SslPolicies"]
        self.assertIn("ELBSecurityPolicy-2016-08", {policy["Name"] for policy in policies})


class TargetGroups(Elb):
    def test_a_life_of_a_group(self):
        group = self.group(Matcher={"HttpCode": "200-299"}, HealthCheckPath="/ready")
        arn = group["TargetGroupArn"]
        self.elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/other")
        (told,) = self.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        self.assertEqual("/other", told["HealthCheckPath"])
        self.elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        )
        attributes = self.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        self.assertIn({"Key": "deregistration_delay.timeout_seconds", "Value": "5"}, attributes)
        # One address with two ports is two targets.
        both = [{"Id": "192.168.0.50", "Port": 8080}, {"Id": "192.168.0.50", "Port": 8081}]
        self.elb.register_targets(TargetGroupArn=arn, Targets=both)
        health = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        self.assertEqual([8080, 8081], sorted(each["Target"]["Port"] for each in health))
        self.assertEqual({"unused"}, {each["TargetHealth"]["State"] for each in health})
        self.elb.deregister_targets(TargetGroupArn=arn, Targets=both[:1])
        self.refused("DuplicateTargetGroupName", self.group, Port=81)
        self.elb.delete_target_group(TargetGroupArn=arn)
        self.refused("TargetGroupNotFound", self.elb.describe_target_groups, TargetGroupArns=[arn])


class Listeners(Elb):
    def test_a_life_of_a_listener(self):
        balancer = self.balancer()
        acm = self.client("acm")
        key = certificates.rsa_key()
        arns = []
        for name in ("a.example", "b.example"):
            leaf, private = certificates.certificate(key, name)
            arns.append(acm.import_certificate(Certificate=leaf, PrivateKey=private)["CertificateArn"])
        secure = {
            "Protocol": "HTTPS",
            "Certificates": [{"CertificateArn": arns[0]}],
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        }
        listener = self.listener(balancer, 443, **secure)
        plain = self.listener(balancer)
        self.refused(
            "DuplicateListener", self.elb.modify_listener, ListenerArn=plain, Port=443
        )
        self.elb.modify_listener(ListenerArn=plain, Port=8080)
        self.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arns[1]}])
        told = self.elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
        self.assertEqual(set(arns), {each["CertificateArn"] for each in told})
        self.refused("ResourceInUseException", acm.delete_certificate, CertificateArn=arns[1])
        self.elb.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arns[1]}])
        acm.delete_certificate(CertificateArn=arns[1])
        attribute = {"Key": "routing.http.response.server.enabled", "Value": "false"}
        self.elb.modify_listener_attributes(ListenerArn=listener, Attributes=[attribute])
        self.assertIn(attribute, self.elb.describe_listener_attributes(ListenerArn=listener)["Attributes"])
        pages = self.elb.get_paginator("describe_listeners").paginate(
            LoadBalancerArn=balancer["LoadBalancerArn"], PaginationConfig={"PageSize": 1}
        )
        self.assertEqual({443, 8080}, {each["Port"] for page in pages for each in page["Listeners"]})
        self.elb.delete_listener(ListenerArn=plain)
        self.refused("ListenerNotFound", self.elb.delete_listener, ListenerArn=plain)


class Rules(Elb):
    def test_a_life_of_a_rule(self):
        listener = self.listener(self.balancer())
        groups = [self.group(name)["TargetGroupArn"] for name in ("one", "two")]
        forward = {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": arn, "Weight": 1 + n} for n, arn in enumerate(groups)],
                "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
            },
        }
        conditions = [
            host("*.example.com"),
            path("/a", "/a/*"),
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "RegexValues": ["^a+$"]}},
        ]
        rewrite = {
            "Type": "url-rewrite",
            "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/a(/.*)?$", "Replace": "/b$1"}]},
        }
        ask = {"ListenerArn": listener, "Conditions": conditions, "Actions": [forward]}
        (rule,) = self.elb.create_rule(**ask, Priority=10, Transforms=[rewrite])["Rules"]
        self.assertEqual(2, len(rule["Actions"][0]["ForwardConfig"]["TargetGroups"]))
        self.assertEqual("url-rewrite", rule["Transforms"][0]["Type"])
        self.refused("PriorityInUse", self.elb.create_rule, **ask, Priority=10)
        self.refused(
            "TargetGroupNotFound",
            self.elb.create_rule,
            **ask | {"Actions": [{"Type": "forward", "TargetGroupArn": groups[0][:-16] + 16 * "0"}]},
            Priority=11,
        )
        (other,) = self.elb.create_rule(
            ListenerArn=listener, Priority=20, Conditions=[host("other.example.com")], Actions=[FIXED]
        )["Rules"]
        swap = [
            {"RuleArn": rule["RuleArn"], "Priority": 20},
            {"RuleArn": other["RuleArn"], "Priority": 10},
        ]
        self.elb.set_rule_priorities(RulePriorities=swap)
        (changed,) = self.elb.modify_rule(RuleArn=rule["RuleArn"], ResetTransforms=True)["Rules"]
        self.assertFalse(changed.get("Transforms"))
        self.assertEqual("20", changed["Priority"])
        pages = self.elb.get_paginator("describe_rules").paginate(
            ListenerArn=listener, PaginationConfig={"PageSize": 1}
        )
        found = [each["Priority"] for page in pages for each in page["Rules"]]
        self.assertEqual(["10", "20", "default"], found)
        self.refused("ResourceInUse", self.elb.delete_target_group, TargetGroupArn=groups[0])
        default = next(each for each in self.elb.describe_rules(ListenerArn=listener)["Rules"] if each["IsDefault"])
        self.refused("OperationNotPermitted", self.elb.delete_rule, RuleArn=default["RuleArn"])
        self.elb.delete_rule(RuleArn=rule["RuleArn"])
        self.refused("RuleNotFound", self.elb.delete_rule, RuleArn=rule["RuleArn"])
        self.elb.delete_target_group(TargetGroupArn=groups[0])

    def test_bounds_of_a_rule(self):
        listener = self.listener(self.balancer())
        ask = {"ListenerArn": listener, "Priority": 1, "Actions": [FIXED]}
        self.refused("ValidationError", self.elb.create_rule, **ask, Conditions=[host("nodot")])
        self.refused(
            "ValidationError", self.elb.create_rule, **ask, Conditions=[path("/a"), path("/b")]
        )
        self.refused(
            "ValidationError",
            self.elb.create_rule,
            **ask | {"Priority": 50001},
            Conditions=[path("/a")],
        )
