"""Notes at the start of a run on where methods differ from their papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench import registry
from bench.method import Method
from bench.reading.as_published import deviations
from bench.runner.session import Session
from bench.tracking.run_fields import flatten


def paper_notes(methods: Sequence[type[Method]], session: Session) -> Iterator[str]:
    """Where methods under the paper's profile differ from their papers, and the option that changes it."""
    if session.profile != "paper":
        return
    known = registry.entries(registry.METHODS)
    for method in methods:
        config = flatten(session.method_config(method.name).model_dump(mode="json"))
        declared = deviations(known[method.name]) if method.name in known else method.deviations
        for name, (value, sentence) in declared.items():
            if name in config and config[name] == value:
                yield f"note: {method.name}: {sentence} (--set {method.name}.{name}=...)"
