"""Losses that pull matching pairs together and push all other pairs of a batch apart.

Rows of the two arguments match one to one. All vectors are L2-normalised here, so callers need not do it. The batch is that
of all processes that train together, whose embeddings are gathered here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from bench.training.contrast import note_contrast
from bench.training.distributed import gather, gather_list


def similarities(
    first: Float[Tensor, "row dim"], second: Float[Tensor, "column dim"], temperature: float | Tensor
) -> Float[Tensor, "row column"]:
    """Cosine similarity of every pair over the temperature; float32 also within mixed precision, whose three digits are
    few for logits of 14."""
    first, second = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x for x in (first, second))
    with torch.autocast(first.device.type, enabled=False):
        return F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T / temperature


def info_nce(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    temperature: float | Tensor = 0.07,
    directions: Literal["sum", "mean", "row"] = "sum",
    exclude_positive: bool = False,
) -> Float[Tensor, ""]:
    """InfoNCE between two sets of embeddings, averaged over the batch.

    Args:
        first: anchors of the rows.
        second: their matches.
        temperature: fixed at 0.07 in MERL and ETP; a tensor may be learnable (ESI).
        directions: ``"sum"`` adds both directions (MERL's code, ESI's printed formula), ``"mean"`` halves that (ETP,
            ESI's code), ``"row"`` has ``first`` look for ``second`` only (K-MERL equation 2 as printed).
        exclude_positive: leave the matching pair out of the denominator, as K-MERL prints it; the loss may then be
            negative.
    """
    logits = similarities(gather(first), gather(second), temperature)
    note_contrast(logits)
    rows = _diagonal_nll(logits, exclude_positive)
    if directions == "row":
        return rows
    both = rows + _diagonal_nll(logits.T, exclude_positive)
    return both if directions == "sum" else both / 2


def merl_losses(
    ecg: Float[Tensor, "batch dim"],
    text: Float[Tensor, "batch dim"],
    branch1: Float[Tensor, "batch dim"],
    branch2: Float[Tensor, "batch dim"],
    temperature: float = 0.07,
) -> dict[str, Float[Tensor, ""]]:
    """MERL's two terms, to be added with equal weights (ICML 2024, section 3, and its code).

    ``cma`` (cross-modal alignment) pairs the ECG with its report; ``uma`` (uni-modal alignment) pairs two branches of
    the same ECG feature that went through different dropout.
    """
    return {"cma": info_nce(ecg, text, temperature), "uma": info_nce(branch1, branch2, temperature)}


def weighted_clip(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    temperature: float = 0.1,
    weight: float = 0.5,
) -> Float[Tensor, ""]:
    """``weight`` times first-to-second plus the rest second-to-first.

    Source: MMCL (Turgut et al., Medical Image Analysis 2025) equation 6, with the image first and the ECG second;
    temperature 0.1 and weight 0.5 are the defaults of its code, the paper sweeps {0.1, 0.2, 0.3} and {0.25, 0.5, 0.75}.
    """
    logits = similarities(gather(first), gather(second), temperature)
    note_contrast(logits)
    return weight * _diagonal_nll(logits) + (1 - weight) * _diagonal_nll(logits.T)


def nt_xent(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    """SimCLR's loss: each of the 2B views finds its partner among the other 2B - 1.

    Source: Chen et al., ICML 2020, equation 1; temperature 0.1 is that of MMCL's and CLOCS's ECG settings.
    """
    first, second = gather(first), gather(second)
    views = torch.cat([first, second])
    batch = len(first)
    logits = similarities(views, views, temperature)
    logits = logits.masked_fill(torch.eye(2 * batch, dtype=torch.bool, device=views.device), -torch.inf)
    partner = torch.arange(2 * batch, device=views.device).roll(batch)
    note_contrast(logits, partner)
    return F.cross_entropy(logits, partner)


def clocs(
    views: Sequence[Float[Tensor, "batch dim"]],
    patients: Sequence[Hashable],
    temperature: float = 0.1,
    pairs: Literal["mean", "as_released"] = "mean",
) -> Float[Tensor, ""]:
    """CLOCS: views of one patient's recordings attract.

    Views are two halves in time (CMSC), leads (CMLC), or both (CMSMLC); Kiyasseh et al., ICML 2021. For each pair of
    views the mean of up to four terms: rows and columns on the diagonal and, where patients repeat in the batch, rows
    over same-patient pairs above the diagonal and columns over those below it.

    Args:
        views: two or more views of the same records.
        patients: one patient id for each record.
        temperature: 0.1 in the paper.
        pairs: average over all pairs of views, as the paper has it, or ``"as_released"``: with more than two views the
            released loop keeps the last pair alone and divides it by the number of pairs, so that all other views
            receive no gradient. Two views are unaffected.
    """
    views, patients = [gather(view) for view in views], gather_list(patients)
    index = {patient: i for i, patient in enumerate(dict.fromkeys(patients))}
    ids = torch.tensor([index[patient] for patient in patients], device=views[0].device)
    same = ids[:, None] == ids[None, :]
    losses = [_patient_contrast(similarities(a, b, temperature), same) for a, b in combinations(views, 2)]
    return (losses[-1] if pairs == "as_released" else torch.stack(losses).sum()) / len(losses)


def _patient_contrast(
    logits: Float[Tensor, "batch batch"], same_patient: Bool[Tensor, "batch batch"]
) -> Float[Tensor, ""]:
    note_contrast(logits)
    rows, columns = -logits.log_softmax(dim=1), -logits.log_softmax(dim=0)
    terms = [rows.diagonal().mean(), columns.diagonal().mean()]
    if (above := same_patient.triu(1)).any():
        terms.append(rows[above].mean())
    if (below := same_patient.tril(-1)).any():
        terms.append(columns[below].mean())
    return torch.stack(terms).mean()


def _diagonal_nll(logits: Float[Tensor, "batch batch"], exclude_positive: bool = False) -> Float[Tensor, ""]:
    """Minus the log-probability of the diagonal, each row a softmax, averaged over rows."""
    others = logits
    if exclude_positive:
        others = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool, device=logits.device), -torch.inf)
    return (others.logsumexp(dim=1) - logits.diagonal()).mean()
