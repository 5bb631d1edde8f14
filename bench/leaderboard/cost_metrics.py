"""Costs of a result, read as metrics: ``cost_...`` on a board."""

from __future__ import annotations

from bench.cells.result import Result


def is_cost(metric: str) -> bool:
    """Whether a board's metric is a cost."""
    return metric.startswith("cost_")


def cost(result: Result, metric: str) -> float | None:
    """Millions of parameters; GFLOPs and recordings per second of the encoder (:mod:`bench.runner.inference_cost`); hours
    that made the checkpoint; seconds to train and score downstream; and the energy of both in kWh, where it was measured
    (:mod:`bench.processes.energy`). None where the result does not tell."""
    provenance = result.provenance
    seconds = result.checkpoint.get("seconds")
    costs = {
        "cost_parameters_m": _scaled(provenance.get("parameters"), 1e-6),
        "cost_gflops": provenance.get("gflops"),
        "cost_recordings_per_second": provenance.get("recordings_per_second"),
        "cost_pretraining_hours": _scaled(seconds, 1 / 3600) if result.checkpoint else 0.0,
        "cost_downstream_seconds": (provenance.get("seconds") or {}).get("answer"),
        "cost_pretraining_kwh": result.checkpoint.get("energy_kwh") if result.checkpoint else 0.0,
        "cost_downstream_kwh": provenance.get("energy_kwh"),
    }
    return costs.get(metric)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
