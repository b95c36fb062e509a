"""The models that the simulator serves by are those that botocore publishes."""

import importlib.util
import pathlib
import unittest

import botocore
from harness import MODELS, SERVICES


class Models(unittest.TestCase):
    def test_nothing_was_changed(self):
        specification = importlib.util.spec_from_file_location("prune", MODELS / "prune.py")
        prune = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(prune)
        made = dict(prune.models(pathlib.Path(botocore.__file__).parent.parent))
        self.assertEqual(set(SERVICES), {path.stem for path in made})
        for path, text in made.items():
            self.assertEqual(text, path.read_text(), f"{path.name} is not what prune.py makes of botocore's")
