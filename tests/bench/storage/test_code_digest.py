"""Coverage of code keys: everything that can change a definition's result, and no other definition of its module."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import registry
from bench.storage import code_digest

FILES = {
    "__init__": "",
    "main": "from keyed.hub import used\nclass Method:\n    def run(self):\n        return used()\nclass Other:\n    x = 1\n",
    "hub": "from keyed import far\nSIZE = 1\ndef used():\n    return SIZE\ndef unused():\n    return far.f()\n",
    "far": "def f():\n    return 1\n",
}


@pytest.fixture
def key(tmp_path, monkeypatch):
    """``key(module=text, ...)`` of ``keyed.main:Method`` with some modules rewritten."""
    folder = tmp_path / "keyed"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "keyed", raising=False)  # of the test before

    def digest(also: tuple[str, ...] = (), **changes: str) -> str:
        for name, text in {**FILES, **changes}.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        code_digest.forget()
        return code_digest.source_digest("keyed.main", "Method", also)

    yield digest
    code_digest.forget()


HUB, MAIN = FILES["hub"], FILES["main"]


@pytest.mark.parametrize(
    "changes",
    [
        {"hub": HUB.replace("SIZE = 1", "SIZE = 2")},
        {"hub": HUB.replace("return SIZE", "return SIZE + 1")},
        {"hub": HUB + "SIZE += 1\n"},
        {"hub": HUB + "import random\nrandom.seed(1)\n"},
        {"hub": HUB + "if SIZE:\n    SIZE = 3\n"},
        {"hub": HUB + "used.attribute = 3\n"},
        {"far": "import random\nrandom.seed(0)\ndef f():\n    return 1\n"},
        {"__init__": "import random\nrandom.seed(0)\n"},
        {"main": MAIN.replace("import used", "import unused as used")},
        {"main": MAIN.replace("return used()", "return used(1)")},
    ],
)
def test_what_can_change_a_number_changes_the_key(key, changes):
    assert key(**changes) != key()


@pytest.mark.parametrize(
    "changes",
    [
        {"hub": HUB.replace("return far.f()", "return far.f() + 1")},
        {"hub": HUB.replace("def used():\n", 'def used():\n    """Words."""\n    # more words\n')},
        {"hub": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from keyed.far import f\n" + HUB},
        {"far": "def f():\n    return 2\n"},
        {"main": MAIN.replace("x = 1", "x = 2")},
        {"main": MAIN.replace("class Other", "    def label_columns(cls, config):\n        return ()\nclass Other")},
        {
            "main": MAIN.replace("class Other", "    small: ClassVar = {'width': 8}\nclass Other")
        },  # the config's digest has it
    ],
)
def test_what_cannot_leaves_it(key, changes):
    assert key(**changes) == key()


@pytest.mark.parametrize(
    "main",
    [
        "from keyed import far\nclass Method:\n    x = far.f\n",
        "from keyed import far as near\nclass Method:\n    x = near.f\n",
        "import keyed.far\nclass Method:\n    x = keyed.far.f\n",
        "from keyed.far import *\nclass Method:\n    x = f\n",
        "from .far import f\nclass Method:\n    x = f\n",
        "class Method:\n    def run(self):\n        from keyed.far import f\n        return f()\n",
        "class Method:\n    def run(self):\n        import keyed.far as near\n        return near.f()\n",
        "from keyed.hub import unused\nclass Base:\n    x = unused\nclass Method(Base):\n    pass\n",
        "from keyed import far\nHELD = far\nclass Method:\n    x = HELD.f\n",
        "try:\n    from keyed.far import f\nexcept ImportError:\n    f = None\nclass Method:\n    x = f\n",
    ],
)
def test_every_way_to_import_is_followed(key, main):
    assert key(main=main) != key(main=main, far="def f():\n    return 2\n")


def test_code_is_read_without_being_run(key):
    assert key(__init__="raise RuntimeError('imported')\n")


def test_an_alias_of_another_package_is_what_it_stands_for(key):
    one = "from math import sin as f\nclass Method:\n    x = f\n"
    assert key(main=one) != key(main=one.replace("sin", "cos"))


def test_what_a_config_names_counts_and_its_neighbours_do_not(key):
    named = {"also": ("keyed.hub:unused",)}
    assert key(**named) != key()
    assert key(**named, far="def f():\n    return 2\n") != key(**named)
    with pytest.raises(Exception, match=r"the source of keyed\.hub, gone cannot be read"):
        key(also=("keyed.hub:gone",))


def test_a_plugin_s_class_is_keyed_to_the_built_in_one_it_extends(plugin, tmp_path):
    plugin("base_plugin", "class Base:\n    name = 'base-of-two'\n    x = 1\n")
    plugin("derived_plugin", "from base_plugin import Base\nclass Derived(Base):\n    name = 'derived'\n")
    code_digest.forget()
    before = code_digest.source_digest("derived_plugin", "Derived")
    (tmp_path / "base_plugin.py").write_text("class Base:\n    name = 'base-of-two'\n    x = 2\n")
    code_digest.forget()
    assert code_digest.source_digest("derived_plugin", "Derived") != before
    code_digest.forget()


CHOSEN = ("encoder", "kmerl", "simclr")

RENAMED = {
    "bench.batch": "bench.ecg_batch",
    "bench.training.clipping": "bench.training.gradient_limit",
    "bench.signals.filters": "bench.signals.designs",
    "bench.training.layer_decay": "bench.training.factors",
}

RENAMED_DIGESTS = """
import json, sys
from test_code_digest import digests
print(json.dumps(digests(json.load(sys.stdin))))
"""


def digests(roots: dict) -> list:
    within = ("bench.modes", "bench.training")
    return [
        [code_digest.source_digest(*root) for root in roots["methods"]],
        [code_digest.source_digest(root, within=within) for root in roots["modes"]],
        [code_digest.module_digest(root) for root in roots["modules"]],
        code_digest.source_digest("bench.signals.windows", "SignalView", within=("bench.signals",)),
    ]


def test_a_renamed_module_of_the_harness_changes_no_key(tmp_path):
    root = Path(code_digest.__file__).parents[2]
    for package in ("bench", "methods"):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    roots = {
        "methods": [(e.module, e.qualname) for n, e in registry.entries(registry.METHODS).items() if n in CHOSEN],
        "modes": ["bench.modes.linear", "bench.modes.finetune"],
        "modules": [*RENAMED, "bench.training.loop"],
    }

    for old, new in RENAMED.items():
        path = tmp_path / Path(*old.split("."))
        path.with_suffix(".py").rename(path.with_name(new.rpartition(".")[2]).with_suffix(".py"))
    for file in tmp_path.rglob("*.py"):
        text = file.read_text()
        for old, new in RENAMED.items():
            package, _, name = old.rpartition(".")
            last = new.rpartition(".")[2]
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
            text = re.sub(rf"(from {re.escape(package)} import .*\b){name}\b", rf"\1{last} as {name}", text)
        file.write_text(text)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parent)])}
    renamed = json.dumps(roots | {"modules": [RENAMED.get(name, name) for name in roots["modules"]]})
    command = [sys.executable, "-c", RENAMED_DIGESTS]
    done = subprocess.run(
        command, input=renamed, capture_output=True, text=True, env=environment, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout) == digests(roots)


def test_a_definition_that_moves_to_another_module_changes_no_key(key):
    moved = "from keyed.far import SIZE\ndef used():\n    return SIZE\n"
    far = "SIZE = 1\n"
    assert key(hub=moved, far=far) == key(hub="SIZE = 1\ndef used():\n    return SIZE\n", far="")


@pytest.mark.parametrize(
    "main",
    [
        "class Method:\n    def run(self):\n        raise ValueError('WORDS')\n",
        "from pydantic import Field\nclass Method:\n    x: int = Field(1, description='WORDS')\n",
    ],
)
def test_words_of_errors_and_descriptions_change_no_key(key, main):
    assert key(main=main) == key(main=main.replace("WORDS", "other words"))
    assert key(main=main) != key(main=main.replace("ValueError", "OSError").replace("1", "2"))
