"""Map the parameter names of published checkpoints to a method's names, and report which tensors match."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Rules = Sequence[tuple[str, str | None]]
"""Pairs (pattern, replacement). The first pattern that matches the start of a name rewrites that part of it; None means
that nothing here has the tensor. A name that no rule knows is an error: silence would leave random weights."""

DATA_PARALLEL = "module."
"""What data-parallel training prepends to every name."""


def _unchanged(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors


@dataclass(frozen=True)
class PublishedNames:
    """One kind of published file.

    Attributes:
        rules: from its names to those of the method's state dict.
        lead_order: the order in which its weights learned the leads.
        lead_axes: own name -> axis, of the tensors with one entry for each lead, for files in another order than ``LEADS``:
            on import their entries are put into the order of ``LEADS``, in which a method is given its leads.
        sized_by_file: own name -> axis, of the tensors whose length along the axis the file decides; the method takes it when
            it loads its weights.
        container: the key of the file that holds the tensors, where several could.
        convert: what is done to the tensors before their names are mapped, where names alone are not enough: stacked,
            split, transposed.
        covers: prefix of the method's own names that such a file must give in full; those outside it keep the weights
            that the method starts from. Empty for a whole model.
    """

    rules: Rules
    lead_order: Sequence[str]
    covers: str = ""
    lead_axes: Mapping[str, int] = field(default_factory=dict)
    sized_by_file: Mapping[str, int] = field(default_factory=dict)
    container: str = ""
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] = _unchanged


@dataclass
class NameReport:
    """What of a file fits.

    Attributes:
        matched: published name -> own name, of the tensors that are used.
        unused: published names that nothing here has, by rule.
        unknown: published names that no rule knows.
        missing: own names that the file should give and does not.
        left_over: published names that lead to no tensor of this method, or to one that an earlier name gives.
        mismatched: "name is [2, 3], expected [2, 4]".
        initial: own names outside what such a file covers.
    """

    matched: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    initial: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether the file gives all it should, and nothing unexpected."""
        return not (self.unknown or self.missing or self.left_over or self.mismatched)


def own_name(published: str, rules: Rules) -> str | None:
    """A published name as it reads here; None if a rule drops it.

    Raises:
        KeyError: no rule knows it.
    """
    bare = published.removeprefix(DATA_PARALLEL)
    for pattern, replacement in rules:
        if match := re.match(pattern, bare):
            return None if replacement is None else match.expand(replacement) + bare[match.end() :]
    raise KeyError(published)


def within(prefix: str, target: str, rules: Rules) -> Rules:
    """The rules for names behind ``prefix``, that read behind ``target`` here."""
    return tuple((rf"{re.escape(prefix)}{p}", None if r is None else target + r) for p, r in rules)


def compare(
    published: Mapping[str, Sequence[int]], own: Mapping[str, Sequence[int]], names: PublishedNames
) -> NameReport:
    """Hold a file's names and shapes against a method's.

    Args:
        published: name -> shape, as in the file.
        own: name -> shape, of the method's state dict.
    """
    report = NameReport()
    assigned: set[str] = set()
    for name, shape in published.items():
        try:
            target = own_name(name, names.rules)
        except KeyError:
            report.unknown.append(name)
            continue
        if target is None:
            report.unused.append(name)
            continue
        if target not in own or target in assigned:
            report.left_over.append(name)
        elif not _same_shape(shape, own[target], names.sized_by_file.get(target)):
            report.mismatched.append(f"{name} is {list(shape)}, expected {list(own[target])}")
        else:
            report.matched[name] = target
        assigned.add(target)
    for name in own:
        if not name.startswith(names.covers):
            report.initial.append(name)
        elif name not in assigned and not name.endswith("num_batches_tracked"):  # a counter that nothing reads
            report.missing.append(name)
    return report


def _same_shape(shape: Sequence[int], expected: Sequence[int], any_length: int | None) -> bool:
    """Whether two shapes agree, along all axes but ``any_length``."""
    if len(shape) != len(expected):
        return False
    return all(a == b or axis == any_length for axis, (a, b) in enumerate(zip(shape, expected, strict=True)))
