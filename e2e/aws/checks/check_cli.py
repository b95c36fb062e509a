"""The AWS CLI, a second client with a parser of its own."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import certificates
import harness
from harness import Case

AWS = pathlib.Path(sys.executable).parent / "aws"


class Cli(Case):
    def aws(self, *arguments):
        done = subprocess.run(
            [AWS, *arguments, "--output", "json"],
            env=harness.environment(self.account),
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refusal(self, *arguments):
        done = subprocess.run(
            [AWS, *arguments], env=harness.environment(self.account), capture_output=True, text=True, timeout=60
        )
        self.assertNotEqual(0, done.returncode)
        return done.stderr

    def test_from_nothing_to_a_rule(self):
        self.assertEqual(self.account, self.aws("sts", "get-caller-identity")["Account"])
        subnets = self.aws(
            "ec2", "describe-subnets", "--filters", "Name=tag:kubernetes.io/role/elb,Values=1"
        )["Subnets"]
        vpc = subnets[0]["VpcId"]
        group = self.aws(
            "ec2", "create-security-group", "--group-name", "web", "--description", "d", "--vpc-id", vpc
        )["GroupId"]
        self.aws(
            "ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80",
            "--cidr", "0.0.0.0/0",
        )  # fmt: skip
        ids = [subnet["SubnetId"] for subnet in subnets]
        (balancer,) = self.aws(
            "elbv2", "create-load-balancer", "--name", "web", "--security-groups", group, "--subnets", *ids
        )["LoadBalancers"]
        (pods,) = self.aws(
            "elbv2", "create-target-group", "--name", "pods", "--protocol", "HTTP", "--port", "80",
            "--target-type", "ip", "--vpc-id", vpc,
        )["TargetGroups"]  # fmt: skip
        forward = f"Type=forward,TargetGroupArn={pods['TargetGroupArn']}"
        (listener,) = self.aws(
            "elbv2", "create-listener", "--load-balancer-arn", balancer["LoadBalancerArn"], "--protocol", "HTTP",
            "--port", "80", "--default-actions", forward,
        )["Listeners"]  # fmt: skip
        (rule,) = self.aws(
            "elbv2", "create-rule", "--listener-arn", listener["ListenerArn"], "--priority", "1",
            "--conditions", "Field=path-pattern,Values=/a", "--actions", forward,
        )["Rules"]  # fmt: skip
        self.assertEqual("1", rule["Priority"])
        message = self.refusal(
            "elbv2", "create-rule", "--listener-arn", listener["ListenerArn"], "--priority", "1",
            "--conditions", "Field=path-pattern,Values=/b", "--actions", forward,
        )  # fmt: skip
        self.assertIn("PriorityInUse", message)

    def test_certificates_and_tags(self):
        leaf, key = certificates.certificate(certificates.rsa_key(), "a.example")
        with tempfile.TemporaryDirectory() as folder:
            files = pathlib.Path(folder)
            (files / "leaf").write_bytes(leaf)
            (files / "key").write_bytes(key)
            arn = self.aws(
                "acm", "import-certificate", "--certificate", f"fileb://{files}/leaf", "--private-key",
                f"fileb://{files}/key", "--tags", "Key=owner,Value=me",
            )["CertificateArn"]  # fmt: skip
        (listed,) = self.aws("acm", "list-certificates")["CertificateSummaryList"]
        self.assertEqual(arn, listed["CertificateArn"])
        (found,) = self.aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=owner,Values=me")[
            "ResourceTagMappingList"
        ]
        self.assertEqual(arn, found["ResourceARN"])
        quota = self.aws(
            "service-quotas", "get-service-quota", "--service-code", "elasticloadbalancing", "--quota-code",
            "L-7EED9B64",
        )["Quota"]  # fmt: skip
        self.assertEqual(100, quota["Value"])

    def test_vpc_lattice(self):
        vpc = self.aws("ec2", "describe-vpcs")["Vpcs"][0]["VpcId"]
        lattice = lambda *arguments: self.aws("vpc-lattice", *arguments)  # noqa: E731
        network = lattice("create-service-network", "--name", "net", "--tags", "owner=me")["arn"]
        service = lattice("create-service", "--name", "shop", "--client-token", "once")["arn"]
        self.assertEqual(service, lattice("create-service", "--name", "shop", "--client-token", "once")["arn"])
        config = json.dumps({"port": 80, "protocol": "HTTP", "vpcIdentifier": vpc})
        group = lattice("create-target-group", "--name", "cart", "--type", "IP", "--config", config)["arn"]

        def active(what, *arguments):
            deadline = time.monotonic() + 60
            while lattice(*arguments)["status"] != "ACTIVE":
                self.assertLess(time.monotonic(), deadline, what)
                time.sleep(0.1)

        active("service", "get-service", "--service-identifier", service)
        active("target group", "get-target-group", "--target-group-identifier", group)
        address = self.aws("ec2", "describe-subnets")["Subnets"][0]["CidrBlock"].rsplit(".", 1)[0] + ".77"
        told = lattice(
            "register-targets", "--target-group-identifier", group, "--targets", f"id={address},port=8080"
        )
        self.assertEqual(([address], []), ([each["id"] for each in told["successful"]], told["unsuccessful"]))
        link = lattice(
            "create-service-network-service-association", "--service-network-identifier", network,
            "--service-identifier", service,
        )["arn"]  # fmt: skip
        of_link = ("--service-network-service-association-identifier", link)
        active("association", "get-service-network-service-association", *of_link)
        listener = lattice(
            "create-listener", "--service-identifier", service, "--name", "plain", "--protocol", "HTTP", "--port", "80",
            "--default-action", "fixedResponse={statusCode=404}",
        )["arn"]  # fmt: skip
        of_listener = ("--service-identifier", service, "--listener-identifier", listener)
        forward = json.dumps({"forward": {"targetGroups": [{"targetGroupIdentifier": group, "weight": 1}]}})
        path = json.dumps({"httpMatch": {"pathMatch": {"match": {"prefix": "/cart"}}}})
        new = ("--match", path, "--action", forward, "--priority", "1")
        rule = lattice("create-rule", *of_listener, "--name", "cart", *new)
        self.assertEqual(1, rule["priority"])
        taken = self.refusal("vpc-lattice", "create-rule", *of_listener, "--name", "again", *new)
        self.assertIn("ConflictException", taken)
        names = [each.get("name") for each in lattice("list-rules", *of_listener)["items"] if not each["isDefault"]]
        self.assertEqual(["cart"], names)
        tags = self.aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=owner,Values=me")
        self.assertEqual([network], [each["ResourceARN"] for each in tags["ResourceTagMappingList"]])
        used = self.refusal("vpc-lattice", "delete-service", "--service-identifier", service)
        self.assertIn("ConflictException", used)
        lattice("delete-service-network-service-association", *of_link)
        lattice("delete-rule", *of_listener, "--rule-identifier", rule["arn"])
        self.assertEqual({"owner": "me"}, lattice("list-tags-for-resource", "--resource-arn", network)["tags"])
