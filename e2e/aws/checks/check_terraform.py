"""Terraform's AWS provider, unmodified: it finds what it made as it made it, changes it in place, and takes it away whole.

`cargo xtask` tells where Terraform, or OpenTofu, and a folder of plugins are; nothing is fetched from a registry."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import certificates
import harness
from harness import Case

CONFIGURATION = pathlib.Path(__file__).parent / "terraform"
PROGRAM, PLUGINS = os.environ.get("CHECKS_TERRAFORM"), os.environ.get("CHECKS_TERRAFORM_PLUGINS")

SETTINGS = """disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "%s"
  }
}
"""


@unittest.skipUnless(PROGRAM and PLUGINS, "NOT RUN: Terraform and a folder with its AWS provider are not here")
class Terraform(Case):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copy(CONFIGURATION / "main.tf", self.folder)
        settings = self.folder / "terraform.rc"
        settings.write_text(SETTINGS % PLUGINS)
        certificate, key = certificates.certificate(certificates.rsa_key(), "shop.example.com")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_certificate": certificate.decode(),
            "TF_VAR_private_key": key.decode(),
            "AWS_ENDPOINT_URL": harness.simulator.url,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def terraform(self, *arguments, ends=0, **variables):
        environment = self.environment | {f"TF_VAR_{name}": value for name, value in variables.items()}
        ended = subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600
        )
        said = ended.stdout + ended.stderr
        self.assertEqual(ends, ended.returncode, f"terraform {' '.join(arguments)}:\n{said}")
        return said

    def test_what_it_makes_is_what_it_finds(self):
        self.terraform("fmt", "-check")
        self.terraform("init", "-input=false", "-no-color")
        change = ("-auto-approve", "-input=false", "-no-color")
        # It ends with 2 where something differs.
        plan = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
        before = self.left()
        said = self.terraform("apply", *change)
        self.assertIn("Apply complete! Resources: 16 added, 0 changed, 0 destroyed.", said)
        self.terraform(*plan)
        self.terraform(*plan, weight="50", ends=2)
        said = self.terraform("apply", *change, weight="50")
        self.assertIn("Apply complete! Resources: 0 added, 1 changed, 0 destroyed.", said)
        self.terraform(*plan, weight="50")
        self.assertNotEqual(before, self.left())
        said = self.terraform("destroy", *change)
        self.assertIn("Destroy complete! Resources: 16 destroyed.", said)
        self.assertEqual(before, self.left())

    def left(self):
        """What there is, but for tags and counters."""
        self.client("ec2").describe_vpcs()
        inventory = harness.simulator.call_admin("GET", "/inventory")[f"{self.account}/{self.region}"]
        kinds = {
            "elb": ["balancers", "listeners", "rules", "groups"],
            "ec2": ["groups", "interfaces"],
            "acm": ["certificates"],
            "lattice": ["networks", "services", "vpcs", "links", "listeners", "rules", "groups"],
        }
        return {(service, kind): sorted(inventory[service][kind]) for service in kinds for kind in kinds[service]}
