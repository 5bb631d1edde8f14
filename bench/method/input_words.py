"""Describe what goes into a method's network, step by step: what the harness does, and what the method's ``encode`` does."""

from __future__ import annotations

from collections.abc import Iterator

from bench import registry
from bench.method import Method, MethodConfig
from bench.reading.as_published import as_published
from bench.reading.method_files import typed
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS

_RESAMPLING = {
    "polyphase": "polyphase filter (anti-aliasing)",
    "fft": "Fourier transform",
    "interpolate": "straight lines, without a filter",
}
_SCALING = {
    "none": "none: millivolts",
    "minmax": "to [0, 1] by minimum and maximum over all leads and samples",
    "zscore": "mean 0 and standard deviation 1 over all leads and samples",
    "zscore-lead": "mean 0 and standard deviation 1, lead by lead",
}


def input_words(entry: registry.Entry, cls: type[Method], config: MethodConfig) -> Iterator[str]:
    """Lines of ``bench explain NAME --input``.

    Raises:
        DataError: the statements of the method cannot be read.
    """
    yield f"{entry.name}: input, step by step"
    for number, (label, words) in enumerate(steps_of_input(entry, cls, config), 1):
        yield f"  {number}. {label}: {words}"


def steps_of_input(entry: registry.Entry, cls: type[Method], config: MethodConfig) -> list[tuple[str, str]]:
    """Name and words of each step, in order.

    Raises:
        DataError: the statements of the method cannot be read.
    """
    spec = cls.input_for(config)
    steps = [*_harness(spec), *_leads(cls, spec, config)]
    stated = as_published(entry)
    before_network = stated.encode if stated else []
    if before_network:
        steps += [("before the network", words) for words in before_network]
    else:
        steps.append(("before the network", f"not stated; see encode in {entry.module}, class {entry.qualname}"))
    if (inputs := getattr(config, "inputs", "as-trained")) != "as-trained":
        steps.append(
            (
                "inputs",
                f"{inputs}, not as trained: bench explain {typed(entry.name)} states which of the above it keeps",
            )
        )
    return steps


def _harness(spec: InputSpec) -> Iterator[tuple[str, str]]:
    how = f"by {_RESAMPLING[spec.resampling]}; recordings at {spec.fs} Hz stay as they are"
    resampling = ("resampling", f"to {spec.fs} Hz {how}")
    rate = f"{spec.fs} Hz" if spec.filters_at == "fs" else "the recorded rate"
    filters = ("filters", f"at {rate}, in this order: {', '.join(spec.filters)}" if spec.filters else "none")
    yield from (resampling, filters) if spec.filters_at == "fs" else (filters, resampling)
    if spec.median_beat:
        yield "median beat", "the whole recording becomes one beat"
    part = "the first" if spec.crop == "first" else "in training a random part, in scoring the first"
    when = "after scaling" if spec.padding == "after" else "before scaling"
    yield (
        "window",
        f"{part} {spec.seconds:g} s, {spec.length:,} samples; a shorter recording is padded with zeros {when}",
    )
    yield "scaling", _SCALING[spec.normalise]


def _leads(cls: type[Method], spec: InputSpec, config: MethodConfig) -> Iterator[tuple[str, str]]:
    absent = "absent leads are marked" if spec.partial_leads else "absent leads are zeros"
    yield "leads", f"{', '.join(LEADS)}; {absent}"
    released = cls.weights_for(config)
    names = cls.published_names(config)
    order = tuple(names[released.part].lead_order) if released is not None and released.part in names else LEADS
    if order != tuple(LEADS):
        yield "lead order", f"the weights learned {', '.join(order)}; on import they are put into the order above"
