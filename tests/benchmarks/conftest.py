"""Scripts of ``benchmarks/`` as modules."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "learning.py"


@pytest.fixture(scope="module")
def learning():
    spec = importlib.util.spec_from_file_location("learning", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["learning"] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["learning"]
