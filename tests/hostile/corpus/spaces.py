"""YAML files: the spaces of a sweep, where a YAML of the user's own is read first."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Sandbox

DEEP = 5000


def space(content: str | bytes):
    def make(box: Sandbox) -> Sequence[str]:
        box.write("space.yaml", content)
        return (
            "sweep", "-m", "kmerl", "-t", "ptbxl-super", "--mode", "linear", "--sampler", "grid", "--simulated-records", "50",
            "--space", "space.yaml",
        )  # fmt: skip

    return make


def bomb(levels: int = 12) -> str:
    """Nine aliases of nine aliases of ...: a kilobyte that is 9**levels values."""
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)]
    return "\n".join(lines) + f"\nlinear.lr: *a{levels - 1}\n"


BAD: dict[str, str | bytes] = {
    "empty": "",
    "list": "- 1\n",
    "text": "linear.lr",
    "number": "5",
    "open": "linear.lr: [1, 2",
    "tab": "linear.lr:\n\t- 1\n",
    "twice-a-key": "linear.lr: [0.1]\nlinear.lr: [0.2]\n",
    "bomb": bomb(),
    "bomb-merged": "a: &a {x: 1}\n" + "\n".join(f"b{k}: &b{k} {{<<: [*a, *a]}}" for k in range(50)),
    "alias-of-itself": "linear.lr: &a [*a]\n",
    "unknown-alias": "linear.lr: *a\n",
    "brackets": "linear.lr: " + "[" * DEEP + "]" * DEEP,
    "indented": "".join(" " * k + "a:\n" for k in range(600)),
    "python-apply": "linear.lr: !!python/object/apply:os.system ['touch \"$HOSTILE_MARKER\"']\n",
    "python-new": "linear.lr: !!python/object/new:os.system ['touch \"$HOSTILE_MARKER\"']\n",
    "python-name": "linear.lr: !!python/name:os.system\n",
    "python-module": "linear.lr: !!python/module:os\n",
    "python-tuple": "linear.lr: !!python/tuple [1, 2]\n",
    "unknown-tag": "linear.lr: !secret [1]\n",
    "two-documents": "linear.lr: [0.1]\n---\nlinear.lr: [0.2]\n",
    "nul": "linear.lr: [0.1]\0\n",
    "latin-1": "linear.lr: é\n".encode("latin-1"),
    "binary": bytes(range(256)),
    "unknown-field": "linear.lrr: [0.1]\n",
    "no-field": "lr: log:1..2\n",
    "no-range": "linear.lr: log:1\n",
    "range-reversed": "linear.lr: log:2..1\n",
    "range-nan": "linear.lr: log:.nan..1\n",
    "range-infinite": "linear.lr: uniform:0.1...inf\n",
    "log-of-zero": "linear.lr: log:0..1\n",
    "log-negative": "linear.lr: log:-1..1\n",
    "points-many": "linear.lr: log:1e-5..1e-1/99999999999\n",
    "numbers-many": "linear.epochs: int:1..99999999999\n",
    "numbers-huge": "linear.epochs: int:0..9" + "9" * 400 + "\n",
    "product-huge": "linear.lr: log:1e-5..1e-1/9999\nlinear.weight_decay: log:1e-5..1e-1/9999\n",
    "no-choices": "linear.lr: []\n",
    "choice-infinite": "linear.lr: [.inf]\n",
    "choice-text": "linear.lr: [fast]\n",
    "choice-negative": "linear.lr: [-0.1]\n",
    "nested": "linear: {lr: [0.1]}\n",
    "date": "linear.lr: 2026-01-01\n",
    "null": "linear.lr:\n",
    "sexagesimal": "linear.lr: 1:30\n",
}

OF_A_FIELD = ("unknown-field", "no-field", "choice-negative", "choice-text")
"""The answer names the field, and the file only perhaps."""

WORDS = {"numbers-many": ("99999999999",), "product-huge": ("settings",)}

CASES = [
    Case(name, space(content), words=WORDS.get(name, ("lr",) if name in OF_A_FIELD else ("space.yaml",)))
    for name, content in BAD.items()
]
