"""Import published weights as a checkpoint: names mapped, every tensor accounted for, nothing unpickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import ConfigError, DataError, UnknownName
from bench.method.published_names import NameReport, PublishedNames, compare
from bench.signals.leads import LEADS, canonical_lead
from bench.storage.artifacts import file_digest
from bench.training.checkpoint import CheckpointSpec, seeded_method, write_checkpoint
from bench.training.tensor_file import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from bench.method import Method, MethodConfig

CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which published files keep their tensors next to an optimiser's state and an epoch."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a published file by name: safetensors, or what ``torch.save`` wrote, without running any of it.

    Raises:
        DataError: absent, damaged, holding more than tensors and plain values, or holding no named tensors.
    """
    import torch

    if not path.is_file():
        raise DataError(f"{path}: no such file; name the weights that the authors published.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = read_tensors(path)
    except Exception as error:  # a damaged zip, a pickle of code, a truncated header: many classes, one meaning
        lines = str(error).strip().splitlines()
        raise DataError(
            f"{path}: not readable as weights alone ({type(error).__name__}: {lines[0] if lines else 'no details'}). "
            "Files that hold Python objects are not unpickled, since that could run their code; load the file in its "
            "own project and save its state_dict()."
        ) from error
    for name in CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    named = content if isinstance(content, Mapping) else {}
    tensors = {str(name): value for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not tensors or len(tensors) < len(named):
        others = [str(name) for name in named if str(name) not in tensors]
        found = f"also {', '.join(others[:4])}" if tensors else f"a {type(content).__name__} without named tensors"
        raise DataError(
            f"{path}: expected names and tensors, at the top or under one of {', '.join(CONTAINERS)}; found {found}."
        )
    return tensors


def import_checkpoint(
    cls: type[Method],
    config: MethodConfig,
    path: Path,
    checkpoints: Path,
    part: str = "model",
    corpora: str | None = None,
    leads: Sequence[str] | None = None,
) -> tuple[Path, NameReport]:
    """A checkpoint folder made of a published file, and the account of its names.

    Args:
        part: which of the files that the method's authors publish it is; one that covers the encoder alone serves
            ``linear`` and ``finetune`` only.
        checkpoints: where checkpoint folders lie.
        corpora: what it was pretrained on (:func:`bench.contamination.declared.declared_corpus`); default: what the
            method's authors say.
        leads: the order in which its weights learned the twelve leads; default: that of the authors' file.

    Raises:
        ConfigError: nobody has written down the published names of this method, or where its weights meet the leads.
        UnknownName: no such part.
        DataError: the file cannot be read, or does not fit whole; the message counts and names what does not.
    """
    kinds = cls.published_names(config)
    if not kinds:
        raise ConfigError(f"{cls.name}: no layout of published checkpoints is known (Method.published_names).")
    if part not in kinds:
        raise UnknownName(f"part of {cls.name}'s published checkpoints", part, kinds)
    names = kinds[part]
    published = read_weights(path)
    method = seeded_method(cls, config, config.pretrain.seed)
    own = method.state_dict()
    shapes, own_shapes = ({name: tensor.shape for name, tensor in state.items()} for state in (published, own))
    report = compare(shapes, own_shapes, names)
    if not report.fits:
        fitting = [kind for kind in kinds if compare(shapes, own_shapes, kinds[kind]).fits]
        raise DataError(_refusal(path, cls.name, part, report, fitting))
    for theirs, ours in report.matched.items():
        own[ours] = published[theirs].to(own[ours].dtype)
    order = _whole_order(leads or names.lead_order)
    _reorder_leads(own, report, names, order, f"{cls.name}, --part {part}")
    method.load_state_dict(own)
    digest = file_digest(path)
    corpus = {
        "dataset": corpora or "+".join(cls.published_corpora) or cls.corpus or "unknown",
        "data": "real",
        "version": None,
        "store": None,
        "text": None,
        "partition": None,
        "published": digest,
        "part": part,
        "lead_order": list(order),
    }
    spec = CheckpointSpec(cls, config, corpus)
    final = spec.folder(checkpoints)
    if not final.is_dir():
        imported = {"file": path.name, "sha256": digest, "whole": names.covers == "", "names": asdict(report)}
        facts = {"imported": imported, "records": {}, "batch_size": None, "steps": None, "seconds": None}
        weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
        write_checkpoint(spec, final, method, weights, facts)
    return final, report


def _whole_order(leads: Sequence[str]) -> tuple[str, ...]:
    order = tuple(map(canonical_lead, leads))
    if sorted(order) != sorted(LEADS):
        raise ConfigError(f"--lead-order {','.join(leads)}: expected all of {', '.join(LEADS)}, each once.")
    return order


def _reorder_leads(
    own: dict[str, Tensor], report: NameReport, names: PublishedNames, order: tuple[str, ...], where: str
) -> None:
    """Put the imported tensors' entries for leads, which are in ``order``, into the order of ``LEADS``."""
    import torch

    if order == LEADS:
        return
    places = torch.tensor([order.index(lead) for lead in LEADS])
    found = {name: axis for name, axis in names.lead_axes.items() if name in report.matched.values()}
    if not found:
        raise ConfigError(
            f"{where}: the weights learned the leads in the order {', '.join(order)}, but PublishedNames.lead_axes "
            "does not state which weights read the leads, so they cannot be put into the order of this project "
            f"({', '.join(LEADS)})."
        )
    for name, axis in found.items():
        own[name] = own[name].index_select(axis, places.to(own[name].device))


def imported_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint's provenance says of the file that it was imported from; empty for one that was made here."""
    return dict(provenance.get("imported") or {})


def _refusal(path: Path, method: str, part: str, report: NameReport, fitting: list[str]) -> str:
    reasons = [
        f"{len(found)} {what} ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''})"
        for what, found in (
            ("unknown", report.unknown),
            ("missing", report.missing),
            ("that lead nowhere", report.left_over),
            ("of another shape", report.mismatched),
        )
        if found
    ]
    hint = (
        f"It fits as --part {fitting[0]}."
        if fitting
        else "Choose the encoder and the text model it was trained with (--set), or another --part."
    )
    return (
        f"{path}: does not fit {method} as --part {part}: {len(report.matched)} tensors match, {'; '.join(reasons)}. Nothing "
        f"was imported. {hint}"
    )
