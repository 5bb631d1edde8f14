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
from bench.training.published_file import read_weights

if TYPE_CHECKING:
    from torch import Tensor

    from bench.method import Method, MethodConfig


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
    published = _converted(path, read_weights(path, names.container), names)
    method = seeded_method(cls, config, config.pretrain.seed)
    own = method.state_dict()
    shapes, own_shapes = ({name: tensor.shape for name, tensor in state.items()} for state in (published, own))
    report = compare(shapes, own_shapes, names)
    if not report.fits:
        fitting = [kind for kind in kinds if kind != part and _fits(path, kinds[kind], own_shapes)]
        raise DataError(_refusal(path, cls.name, part, report, fitting))
    for theirs, ours in report.matched.items():
        own[ours] = published[theirs].to(own[ours].dtype)
    order = _whole_order(leads or names.lead_order)
    _reorder_leads(own, report, names, order, f"{cls.name}, --part {part}")
    method.load_state_dict(own)
    del own, published  # a large model takes a gigabyte
    digest = file_digest(path)
    spec = imported_spec(cls, config, digest, part, corpora, order)
    final = spec.folder(checkpoints)
    if not final.is_dir():
        imported = {"file": path.name, "sha256": digest, "whole": names.covers == "", "names": asdict(report)}
        if (released := cls.weights_for(config)) is not None and released.assumed:
            imported["assumed"] = released.assumed
        facts = {"imported": imported, "records": {}, "batch_size": None, "steps": None, "seconds": None}
        weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
        write_checkpoint(spec, final, method, weights, facts)
    return final, report


def fitting_part(cls: type[Method], config: MethodConfig, path: Path) -> str:
    """Which of the files that the method's authors publish this one is; where it is none, the most similar.

    Raises:
        ConfigError: no published names of this method are known. DataError: the file cannot be read.
    """
    kinds = cls.published_names(config)
    if not kinds:
        raise ConfigError(f"{path}: {cls.name}: no layout of published checkpoints is known (Method.published_names).")
    if len(kinds) == 1:
        return next(iter(kinds))
    own = {name: tensor.shape for name, tensor in seeded_method(cls, config, config.pretrain.seed).state_dict().items()}
    matches: dict[str, int] = {}
    errors: list[DataError] = []
    for part, names in kinds.items():
        try:
            tensors = _converted(path, read_weights(path, names.container), names)
        except DataError as error:
            errors.append(error)
            continue
        report = compare({name: tensor.shape for name, tensor in tensors.items()}, own, names)
        if report.fits:
            return part
        matches[part] = len(report.matched)
    if not matches:
        raise errors[0]
    return max(matches, key=matches.__getitem__)


def imported_spec(
    cls: type[Method],
    config: MethodConfig,
    digest: str,
    part: str = "model",
    corpora: str | None = None,
    leads: Sequence[str] | None = None,
) -> CheckpointSpec:
    """What determines the checkpoint that a published file becomes.

    Args:
        digest: of the file. Others: as for :func:`import_checkpoint`.
    """
    order = _whole_order(leads or cls.published_names(config)[part].lead_order)
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
    defaults = {name: type(config).model_fields[name].default for name in config.input_fields}
    return CheckpointSpec(cls, config.model_copy(update=defaults), corpus)


def _converted(path: Path, tensors: dict[str, Tensor], names: PublishedNames) -> dict[str, Tensor]:
    try:
        return names.convert(tensors)
    except (KeyError, RuntimeError, ValueError) as error:  # a tensor that is not there, or of another shape
        raise DataError(
            f"{path}: not in the layout that the authors publish ({error}). Nothing was imported."
        ) from error


def _fits(path: Path, names: PublishedNames, own: Mapping[str, Sequence[int]]) -> bool:
    """Whether a file is one of another kind."""
    try:
        tensors = _converted(path, read_weights(path, names.container), names)
    except DataError:
        return False
    return compare({name: tensor.shape for name, tensor in tensors.items()}, own, names).fits


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
    axes = {name: axis for name, axis in names.lead_axes.items() if name in report.matched.values()}
    if not axes:
        raise ConfigError(
            f"{where}: the weights learned the leads in the order {', '.join(order)}, but PublishedNames.lead_axes "
            "does not state which weights read the leads, so they cannot be put into the order of this project "
            f"({', '.join(LEADS)})."
        )
    for name, axis in axes.items():
        own[name] = own[name].index_select(axis, places.to(own[name].device))


def imported_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint's provenance says of the file that it was imported from; empty for one that was made here."""
    return dict(provenance.get("imported") or {})


def _refusal(path: Path, method: str, part: str, report: NameReport, fitting: list[str]) -> str:
    reasons = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (
            ("unknown", report.unknown),
            ("missing", report.missing),
            ("that lead nowhere", report.left_over),
            ("of another shape", report.mismatched),
        )
        if names
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
