"""A second opinion: moto, where it is known to do as AWS does, answers as the simulator does."""

import concurrent.futures
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import certificates
import harness
from botocore.exceptions import ClientError
from harness import Case, free_port

MOTO = pathlib.Path(sys.executable).parent / "moto_server"
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


class World:
    """An account with a load balancer, on one of the two."""

    def __init__(self, case, url, subnets):
        clients = {name: case.session.client(name, endpoint_url=url) for name in ("ec2", "elbv2", "acm", "wafv2")}
        self.ec2, self.elb, self.acm = clients["ec2"], clients["elbv2"], clients["acm"]
        self.waf = clients["wafv2"]
        self.vpc, self.subnets = subnets(self.ec2)
        self.arn = self.balancer("web")["LoadBalancerArn"]
        self.group = self.target_group("pods")
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=80, DefaultActions=[FIXED]
        )["Listeners"][0]["ListenerArn"]

    def balancer(self, name, **more):
        return self.elb.create_load_balancer(Name=name, Subnets=self.subnets, **more)["LoadBalancers"][0]

    def target_group(self, name, **more):
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, **more)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def rule(self, priority, *conditions, **more):
        conditions = list(conditions) or [{"Field": "path-pattern", "Values": [f"/{priority}"]}]
        asked = {"ListenerArn": self.listener, "Conditions": conditions, "Actions": [FIXED]} | more
        return self.elb.create_rule(Priority=priority, **asked)["Rules"][0]


def of_moto(ec2):
    vpc = ec2.create_vpc(CidrBlock="192.168.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"192.168.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for n, zone in enumerate("ab")
    ]
    return vpc, [each["Subnet"]["SubnetId"] for each in made]


def of_simulator(ec2):
    filters = [{"Name": "tag-key", "Values": ["kubernetes.io/role/elb"]}]
    subnets = ec2.describe_subnets(Filters=filters)["Subnets"][:2]
    return subnets[0]["VpcId"], [subnet["SubnetId"] for subnet in subnets]


def code(call, **arguments):
    """How a call ends."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


class SecondOpinion(Case):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        cls.moto = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], **quiet)
        cls.addClassCleanup(cls.moto.wait, 10)
        cls.addClassCleanup(cls.moto.terminate)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def both(self, opinion):
        """What both say, the simulator's first."""
        mine = opinion(World(self, harness.simulator.url, of_simulator))
        # It has one account for all keys, and what it answers is not held against AWS's models.
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10)
        self.session = self.session_of(self.account, held=False)
        return mine, opinion(World(self, self.url, of_moto))

    def agreed(self, expected, opinion):
        mine, other = self.both(opinion)
        self.assertEqual(expected, mine, "the simulator")
        self.assertEqual(expected, other, "moto")

    def test_one_of_many_gets_a_priority(self):
        def opinion(world):
            def one(number):
                condition = {"Field": "path-pattern", "Values": [f"/{number}"]}
                return code(world.rule, priority=7, Conditions=[condition])

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                return sorted(pool.map(one, range(16)))

        self.agreed(["PriorityInUse"] * 15 + ["done"], opinion)

    def test_priorities_of_one_call_differ(self):
        def opinion(world):
            pairs = [{"RuleArn": world.rule(number)["RuleArn"], "Priority": 9} for number in (1, 2)]
            return code(world.elb.set_rule_priorities, RulePriorities=pairs)

        self.agreed("ValidationError", opinion)

    def test_what_is_not_there(self):
        def opinion(world):
            gone = {"Type": "forward", "TargetGroupArn": world.group[:-16] + 16 * "0"}
            secure = {"LoadBalancerArn": world.arn, "Protocol": "HTTPS", "Port": 443, "DefaultActions": [FIXED]}
            certificate = f"arn:aws:acm:eu-central-1:{self.account}:certificate/00000000-0000-0000-0000-000000000000"
            return [
                code(world.rule, priority=1, Actions=[gone]),
                code(
                    world.elb.create_listener,
                    LoadBalancerArn=world.arn, Protocol="HTTP", Port=81, DefaultActions=[gone],
                ),  # fmt: skip
                code(world.elb.create_listener, **secure, Certificates=[{"CertificateArn": certificate}]),
                code(world.rule, priority=1, Conditions=[{"Field": "colour", "Values": ["red"]}]),
            ]

        self.agreed(
            ["TargetGroupNotFound", "TargetGroupNotFound", "CertificateNotFound", "ValidationError"], opinion
        )

    def test_groups_in_use_stay(self):
        def opinion(world):
            world.rule(1, Actions=[{"Type": "forward", "TargetGroupArn": world.group}])
            seen = [code(world.elb.delete_target_group, TargetGroupArn=world.group)]
            seen += [code(world.elb.delete_load_balancer, LoadBalancerArn=world.arn) for _ in range(2)]
            seen += [
                code(world.elb.describe_listeners, ListenerArns=[world.listener]),
                code(world.elb.delete_target_group, TargetGroupArn=world.group),
            ]
            return seen

        self.agreed(["ResourceInUse", "done", "done", "ListenerNotFound", "done"], opinion)

    def test_bounds(self):
        def opinion(world):
            def attributes(call, key, value, **what):
                return code(call, Attributes=[{"Key": key, "Value": value}], **what) != "done"

            return [
                attributes(world.elb.modify_load_balancer_attributes, "bogus.key", "1", LoadBalancerArn=world.arn),
                attributes(
                    world.elb.modify_target_group_attributes,
                    "deregistration_delay.timeout_seconds", "3601", TargetGroupArn=world.group,
                ),  # fmt: skip
                code(world.elb.set_subnets, LoadBalancerArn=world.arn, Subnets=world.subnets[:1]) != "done",
                code(
                    world.elb.set_security_groups,
                    LoadBalancerArn=world.arn, SecurityGroups=["sg-0123456789abcdef0"],
                ) != "done",
                code(
                    world.elb.create_listener,
                    LoadBalancerArn=world.arn, Protocol="TCP", Port=82, DefaultActions=[FIXED],
                ) != "done",
            ]  # fmt: skip

        self.agreed([True] * 5, opinion)

    def test_rules_come_back_as_they_went(self):
        conditions = [
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["b*"]}},
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
        ]

        def opinion(world):
            forward = {
                "TargetGroups": [{"TargetGroupArn": world.group, "Weight": 3}],
                "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
            }
            world.rule(1, *conditions, Actions=[{"Type": "forward", "ForwardConfig": forward}])
            rules = world.elb.describe_rules(ListenerArn=world.listener)["Rules"]
            rule = next(each for each in rules if each["Priority"] == "1")
            configured = [
                {name: value for name, value in each.items() if name == "Field" or name.endswith("Config")}
                for each in rule["Conditions"]
            ]
            told = rule["Actions"][0]["ForwardConfig"]
            weights = [each["Weight"] for each in told["TargetGroups"]]
            return sorted(configured, key=lambda each: each["Field"]), weights, told["TargetGroupStickinessConfig"]

        expected = sorted(conditions, key=lambda each: each["Field"])
        self.agreed((expected, [3], {"Enabled": True, "DurationSeconds": 60}), opinion)

    def test_all_pages_hold_all_rules(self):
        def opinion(world):
            for priority in range(1, 61):
                world.rule(priority)
            pages = world.elb.get_paginator("describe_rules").paginate(ListenerArn=world.listener)
            return len([rule for page in pages for rule in page["Rules"]])

        self.agreed(61, opinion)

    def test_states_and_tags(self):
        def opinion(world):
            tags = [{"Key": f"k{number}", "Value": "v"} for number in range(12)]
            other = world.balancer("other", Tags=tags)
            group = world.target_group("tagged", Tags=tags)
            rule = world.rule(1, Tags=tags)["RuleArn"]
            seen = [other["State"]["Code"]]
            world.elb.get_waiter("load_balancer_available").wait(
                LoadBalancerArns=[other["LoadBalancerArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
            )
            told = world.elb.describe_tags(ResourceArns=[other["LoadBalancerArn"], group, rule])
            return seen + sorted(len(each["Tags"]) for each in told["TagDescriptions"])

        self.agreed(["provisioning", 12, 12, 12], opinion)

    def test_security_groups_are_not_twice(self):
        def opinion(world):
            new = {"GroupName": "twice", "Description": "d", "VpcId": world.vpc}
            group = world.ec2.create_security_group(**new)["GroupId"]
            rule = {"GroupId": group, "CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
            return [
                code(world.ec2.create_security_group, **new),
                code(world.ec2.authorize_security_group_ingress, **rule),
                code(world.ec2.authorize_security_group_ingress, **rule),
                code(world.ec2.delete_security_group, GroupId=group),
            ]

        self.agreed(["InvalidGroup.Duplicate", "done", "InvalidPermission.Duplicate", "done"], opinion)

    def test_certificates_are_imported_and_listed(self):
        leaf, key = certificates.certificate(certificates.rsa_key(), "a.example")

        def opinion(world):
            arn = world.acm.import_certificate(Certificate=leaf, PrivateKey=key)["CertificateArn"]
            told = world.acm.describe_certificate(CertificateArn=arn)["Certificate"]
            names = [row["DomainName"] for row in world.acm.list_certificates()["CertificateSummaryList"]]
            seen = [told["Status"], told["Type"], told["SubjectAlternativeNames"], names]
            return seen + [code(world.acm.delete_certificate, CertificateArn=arn) for _ in range(2)]

        expected = ["ISSUED", "IMPORTED", ["a.example"], ["a.example"], "done", "ResourceNotFoundException"]
        self.agreed(expected, opinion)

    def test_subnets_that_are_not_there(self):
        def opinion(world):
            return code(world.ec2.describe_subnets, SubnetIds=["subnet-0123456789abcdef0"])

        self.agreed("InvalidSubnetID.NotFound", opinion)

    def test_methods_are_of_capital_letters(self):
        def opinion(world):
            def method(value):
                values = {"Values": [value]}
                return code(
                    world.rule,
                    priority=len(value),
                    Conditions=[{"Field": "http-request-method", "HttpRequestMethodConfig": values}],
                )

            # Of a blank, which the page does not list either, moto says nothing.
            return [method(value) for value in ("GET", "X-A_B", "get", "A" * 41)]

        self.agreed(["done", "done", "ValidationError", "ValidationError"], opinion)

    def test_listeners_have_tags(self):
        def opinion(world):
            tags = [{"Key": f"k{number}", "Value": "v"} for number in range(4)]
            made = world.elb.create_listener(
                LoadBalancerArn=world.arn, Protocol="HTTP", Port=81, DefaultActions=[FIXED], Tags=tags
            )
            arns = [made["Listeners"][0]["ListenerArn"]]
            world.elb.add_tags(ResourceArns=arns, Tags=[{"Key": "k0", "Value": "w"}, {"Key": "new", "Value": ""}])
            world.elb.remove_tags(ResourceArns=arns, TagKeys=["k1", "k2"])
            (left,) = world.elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
            return sorted(f"{each['Key']}={each['Value']}" for each in left["Tags"])

        self.agreed(["k0=w", "k3=v", "new="], opinion)

    def test_web_acls_are_put_in_front_of_load_balancers(self):
        # Of one in the place of another moto has both.
        def opinion(world):
            visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
            made = world.waf.create_web_acl(
                Name="one", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible
            )
            arn = made["Summary"]["ARN"]

            def shown():
                return world.waf.get_web_acl_for_resource(ResourceArn=world.arn).get("WebACL", {}).get("Name")

            seen = [shown()]
            world.waf.associate_web_acl(WebACLArn=arn, ResourceArn=world.arn)
            seen.append(shown())
            gone = arn.replace("/one/", "/nobodys/")[:-36] + "00000000-0000-0000-0000-000000000000"
            seen.append(code(world.waf.associate_web_acl, WebACLArn=gone, ResourceArn=world.arn))
            world.waf.disassociate_web_acl(ResourceArn=world.arn)
            listed = [each["Name"] for each in world.waf.list_web_acls(Scope="REGIONAL")["WebACLs"]]
            return [*seen, shown(), listed]

        self.agreed([None, "one", "WAFNonexistentItemException", None, ["one"]], opinion)
