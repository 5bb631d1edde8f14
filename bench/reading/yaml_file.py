"""Read YAML that cannot run code, grow in memory or contradict itself; all YAML of this project is read here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from bench.reading.text_file import read_text, said

DEEPEST = 100
MOST_REPEATED = 10_000
"""Values that aliases may add to those that are written out."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        OSError, UnicodeDecodeError: it is not a readable text file. yaml.YAMLError: as :func:`parse_yaml`.
    """
    return parse_yaml(read_text(path))


def parse_yaml(text: str) -> Any:
    """The content of a YAML text, as ``yaml.safe_load`` gives it.

    Raises:
        yaml.YAMLError: in one line: not YAML, a key given twice, a number that is not finite, values nested deeper than
            :data:`DEEPEST`, or aliases that repeat more than :data:`MOST_REPEATED` values.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refusal(" ".join(part for part in (error.context, error.problem) if part), mark) from error
    except yaml.YAMLError as error:
        raise yaml.YAMLError(said(error)) from error
    except (ValueError, OverflowError) as error:  # a date or a number that cannot be
        raise yaml.YAMLError(str(error)) from error
    except RecursionError:
        raise yaml.YAMLError(f"values are nested deeper than {DEEPEST} levels") from None


def _check(root: yaml.Node) -> None:
    distinct: set[int] = set()
    visited = 0
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        visited += 1
        distinct.add(id(node))
        if depth > DEEPEST:
            raise _refusal(f"values are nested deeper than {DEEPEST} levels", node.start_mark)
        if visited - len(distinct) > MOST_REPEATED:
            raise _refusal(f"aliases repeat more than {MOST_REPEATED:,} values", node.start_mark)
        if isinstance(node, yaml.MappingNode):
            _refuse_duplicates(node)
            waiting += [(child, depth + 1) for pair in node.value for child in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(child, depth + 1) for child in node.value]
        elif node.tag == "tag:yaml.org,2002:float" and not _finite(node.value):
            raise _refusal(f"{node.value} is not a finite number", node.start_mark)


def _refuse_duplicates(node: yaml.MappingNode) -> None:
    keys = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if (key.tag, key.value) in keys:
            raise _refusal(f"the key {key.value!r} is given twice", key.start_mark)
        keys.add((key.tag, key.value))


def _finite(text: str) -> bool:
    if ":" in text:  # sexagesimal, as YAML 1.1 has it
        return True
    try:
        return math.isfinite(float(text.replace("_", "")))
    except ValueError:
        return text.lower().lstrip("+-") not in (".inf", ".nan")


def _refusal(problem: str, mark: Any) -> yaml.YAMLError:
    return yaml.YAMLError(f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark else problem)
