#!/usr/bin/env python3
"""Drives the simulator with AWS's own clients for Python: every operation that is served, every answer held
against AWS's model of it.

    python run.py --simulator PATH [NAME ...]
"""

import argparse
import pathlib
import sys
import unittest

import harness

FOLDER = pathlib.Path(__file__).parent


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--simulator", required=True, help="the program")
    arguments.add_argument("names", nargs="*", help="checks, such as check_ec2.Groups; all unless given")
    given = arguments.parse_args()
    loader = unittest.TestLoader()
    if given.names:
        suite = loader.loadTestsFromNames(given.names)
    else:
        suite = loader.discover(str(FOLDER), pattern="check_*.py", top_level_dir=str(FOLDER))
    with harness.Simulator(given.simulator) as harness.simulator:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    if not result.wasSuccessful():
        sys.exit(1)
    missing = {
        model: left for model in harness.SERVICES if (left := set(harness.served(model)) - harness.answered[model])
    }
    for model in harness.SERVICES:
        print(f"{model}: {len(harness.answered[model])} of {len(harness.served(model))} operations driven")
    if missing and not given.names:
        sys.exit(f"no check drives {missing}")


if __name__ == "__main__":
    main()
