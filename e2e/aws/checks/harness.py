"""A simulator of its own for the checks, and clients of AWS's SDK whose answers are held against AWS's models."""

import json
import os
import pathlib
import socket
import subprocess
import time
import unittest
import urllib.request

import boto3
import botocore.config
import botocore.validate
from botocore.exceptions import ClientError

MODELS = pathlib.Path(__file__).parent.parent / "models"

# What each model is called by the SDK.
SERVICES = {
    "elbv2": "elbv2",
    "ec2": "ec2",
    "acm": "acm",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
    "quotas": "service-quotas",
    "lattice": "vpc-lattice",
    "s3": "s3",
    "waf": "wafv2",
    "shield": "shield",
}

# Words that AWS answers although its model does not have them.
BEYOND = {("AttachmentStatus", "available")}

# Operations that answered well, by the name of the model.
answered = {name: set() for name in SERVICES}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Simulator:
    """A running simulator. It ends with the block that it is used in."""

    def __init__(self, program):
        self.listen, self.admin, self.dns = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self.url = f"http://{self.listen}"
        # Far from the addresses that somebody's own simulator gives to load balancers.
        arguments = ["--listen", self.listen, "--admin", self.admin, "--dns", self.dns]
        arguments += ["--network", "127.96.0.0/12"]
        self.process = subprocess.Popen([program, *arguments])

    def __enter__(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                with socket.create_connection(self.listen.split(":"), timeout=1):
                    return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the simulator does not listen") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def call_admin(self, method, path, body=None):
        request = urllib.request.Request(f"http://{self.admin}{path}", method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None


simulator: Simulator = None


def served(model):
    """The operations that the simulator serves of a model."""
    return sorted(json.loads((MODELS / f"{model}.json").read_text())["operations"])


def strangers(shape, value, path=""):
    """Words in an answer that the model's lists of words do not have."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from strangers(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from strangers(shape.member, inner, f"{path}[]")
    elif shape.type_name == "map":
        for inner in value.values():
            yield from strangers(shape.value, inner, f"{path}{{}}")
    elif shape.type_name == "string" and shape.enum:
        if value not in shape.enum and (shape.name, value) not in BEYOND:
            yield f"{path}: {value} is none of {shape.enum}"


def hold_against_model(parsed, model, http_response, **_):
    """Refuses an answer that AWS's own model would not allow."""
    if http_response.status_code >= 300:
        return
    service = next(name for name, sdk in SERVICES.items() if sdk == model.service_model.service_name)
    answered[service].add(model.name)
    value = {name: inner for name, inner in parsed.items() if name != "ResponseMetadata"}
    if model.output_shape is None:
        if value:
            raise AssertionError(f"{model.name} answers {value}, and should not")
        return
    report = botocore.validate.ParamValidator().validate(value, model.output_shape)
    wrong = [report.generate_report()] if report.has_errors() else []
    wrong += strangers(model.output_shape, value)
    if wrong:
        raise AssertionError(f"{model.name}: {wrong}\n{json.dumps(value, indent=1, default=str)}")


class Case(unittest.TestCase):
    """A check with an account of its own."""

    accounts = 0
    region = "eu-central-1"

    def setUp(self):
        Case.accounts += 1
        self.account = f"{Case.accounts:012}"
        self.session = self.session_of(self.account)

    def session_of(self, key, secret="secret", token=None, held=True):
        session = boto3.Session(
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=self.region
        )
        if held:
            session.events.register("after-call", hold_against_model)
        return session

    def client(self, service, session=None):
        config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=20)
        return (session or self.session).client(service, endpoint_url=simulator.url, config=config)

    def refused(self, code, call, **arguments):
        """The call is refused with this code; answers the message."""
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(code, error["Code"], error)
        self.assertTrue(error["Message"], "there is no message")
        return error["Message"]

    def subnets(self, role="elb"):
        filters = [{"Name": "tag-key", "Values": [f"kubernetes.io/role/{role}"]}]
        return self.client("ec2").describe_subnets(Filters=filters)["Subnets"]


def environment(account, region="eu-central-1"):
    """The environment in which a program finds the simulator."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": simulator.url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
