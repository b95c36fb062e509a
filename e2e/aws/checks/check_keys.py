"""Signatures: keys, secrets and clocks."""

import datetime
from unittest import mock

import harness
from harness import Case

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

# One call of each service, and its words for a wrong secret and for a key that it does not know.
CALLS = [
    ("elbv2", "describe_load_balancers", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ("sts", "get_caller_identity", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ("ec2", "describe_vpcs", "AuthFailure", "AuthFailure"),
    ("acm", "list_certificates", "InvalidSignatureException", "UnrecognizedClientException"),
    ("resourcegroupstaggingapi", "get_resources", "InvalidSignatureException", "UnrecognizedClientException"),
]


class Keys(Case):
    def setUp(self):
        super().setUp()
        harness.simulator.call_admin("PUT", "/keys", {KEY: SECRET})
        self.addCleanup(harness.simulator.call_admin, "DELETE", "/keys")

    def test_the_right_secret(self):
        session = self.session_of(KEY, SECRET)
        for service, call, _, _ in CALLS:
            getattr(self.client(service, session), call)()
        # Whoever takes on a role signs with what STS gave out.
        role = "arn:aws:iam::210987654321:role/controller"
        given = self.client("sts", session).assume_role(RoleArn=role, RoleSessionName="check")["Credentials"]
        taken = self.session_of(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        for service, call, _, _ in CALLS:
            getattr(self.client(service, taken), call)()
        wrong = self.session_of(given["AccessKeyId"], "another", given["SessionToken"])
        self.refused("SignatureDoesNotMatch", self.client("sts", wrong).get_caller_identity)

    def test_a_wrong_secret(self):
        session = self.session_of(KEY, "another")
        for service, call, code, _ in CALLS:
            self.refused(code, getattr(self.client(service, session), call))

    def test_a_key_that_does_not_exist(self):
        session = self.session_of("AKIAI44QH8DHBEXAMPLE", SECRET)
        for service, call, _, code in CALLS:
            self.refused(code, getattr(self.client(service, session), call))


class Clocks(Case):
    def test_a_clock_that_is_off(self):
        for minutes, words in [(-6, "Signature expired"), (6, "Signature not yet current")]:
            then = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            then += datetime.timedelta(minutes=minutes)
            with mock.patch("botocore.auth.get_current_datetime", lambda *_, then=then, **__: then):
                message = self.refused("SignatureDoesNotMatch", self.client("elbv2").describe_load_balancers)
                self.assertIn(words, message)
                self.refused("RequestExpired", self.client("ec2").describe_vpcs)
