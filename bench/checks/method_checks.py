"""Checks of the method contract. No method is named here."""

from __future__ import annotations

import copy
import difflib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel

from bench import modes, registry
from bench.checks.check import Broken, Check, DoesNotApply, collected
from bench.checks.method_subject import (
    MethodSubject,
    alike,
    differing,
    encode,
    gradient_step,
    take_rows,
    total_loss,
)
from bench.seeding import seeded
from bench.signals.leads import LEADS

CHECKS: list[Check] = []
CLASSES = ("normal ecg", "atrial fibrillation", "myocardial infarction")


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, info in model.model_fields.items():
        yield prefix + name, info
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _fields(info.annotation, f"{prefix}{name}.")


@collected(CHECKS, "its source is stated", "Write a docstring, and a description for every field of Config.")
def says_where_it_comes_from(subject: MethodSubject) -> None:
    if "Source:" not in (subject.cls.__doc__ or ""):
        raise Broken(
            f"the docstring of {subject.cls.__name__} names no source.",
            "Add a sentence such as 'Source: Author et al., Journal 2026, section 3' (or 'Source: this package').",
        )
    bare = [name for name, info in _fields(subject.cls.Config) if not info.description]  # type: ignore[attr-defined]
    if bare:
        raise Broken(
            f"config field {', '.join(bare)} has no description.",
            "Write each Field(..., description=...) with its meaning, its unit and the source of its default.",
        )


@collected(CHECKS, "it offers a mode", "A method has at least one of the functions that modes need.")
def offers_a_mode(subject: MethodSubject) -> None:
    if subject.cls.modes():
        return
    functions = sorted(registry.functions_of_modes())
    own = [name for name in vars(subject.cls) if not name.startswith("_")]
    meant = [f"{name} looks like {near[0]}" for name in own if (near := difflib.get_close_matches(name, functions, 1))]
    raise Broken(
        f"{subject.cls.__name__} has none of {', '.join(functions)}, and so no mode can score it.",
        f"Correct the name: {', '.join(meant)}." if meant else "Write encode(batch), which gives most modes.",
    )


@collected(CHECKS, "it builds at its published size", "Config() without arguments must build.", slow=True)
def builds_at_published_size(subject: MethodSubject) -> None:
    chosen = {name: getattr(subject.config, name) for name in subject.cls.example_config(Path())}
    method = subject.cls(subject.cls.Config(**chosen))
    trains = subject.cls.implements("encode") or subject.cls.implements("pretraining_loss")
    weights = list(method.parameters())
    if not weights and subject.cls.only_modes is not None:  # statistics of a recording: nothing to fine-tune
        return
    if trains and not any(parameter.requires_grad for parameter in weights):
        raise Broken(
            "no parameter can be trained.",
            "Create the modules in build, as attributes of self. A method without weights lists its modes in only_modes.",
        )


@collected(
    CHECKS,
    "a step of pretraining is finite and moves trainable weights only",
    "pretraining_loss(batch) must return named scalar losses that depend on the weights.",
)
def a_step_is_finite_and_moves_trainable_weights_only(subject: MethodSubject) -> None:
    subject.needs("pretraining_loss")
    before = dict(subject.built.named_parameters())
    method, loss = subject.stepped
    if not torch.isfinite(torch.tensor(loss)):
        raise Broken(f"the loss of the first step is {loss}.", "Look for a division by zero or a log of zero.")
    moved = {name for name, p in method.named_parameters() if not torch.equal(p, before[name])}
    trainable = {name for name, p in method.named_parameters() if p.requires_grad}
    if not moved:
        raise Broken(
            "a step moved no weight.", "The loss must be computed from the modules, without detach or no_grad."
        )
    if moved - trainable:
        raise Broken(
            f"a step moved {', '.join(sorted(moved - trainable))}, which does not require a gradient.",
            "Do not write to frozen weights in pretraining_loss; keep running averages as buffers.",
        )
    if not all(torch.isfinite(p).all() for p in method.parameters()):
        raise Broken("a weight is not finite after one step.", "Look at the gradient of the loss near zero.")


@collected(
    CHECKS,
    "every trainable weight gets a gradient in pretraining",
    "Each parameter with requires_grad must be part of the loss in one of the stages, or be listed in without_gradient.",
)
def every_trainable_weight_gets_a_gradient(subject: MethodSubject) -> None:
    """In two steps of each stage. A layer that the loss does not reach keeps its random initial weights."""
    subject.needs("pretraining_loss")
    method = copy.deepcopy(subject.built).train()
    trainable, reached = set(), set()
    for stage in method.stages(method.config):
        method.begin_stage(stage)
        for seed in (10, 11):
            method.zero_grad()
            with seeded(seed):
                total_loss(method, subject.batch).backward()
            trainable |= {name for name, p in method.named_parameters() if p.requires_grad}
            reached |= {name for name, p in method.named_parameters() if p.grad is not None}
            if trainable <= reached:
                break
    listed = tuple(subject.cls.without_gradient)
    if missed := sorted(name for name in trainable - reached if not name.startswith(listed)):
        raise Broken(
            f"{', '.join(missed[:4])}{f' and {len(missed) - 4} more' if len(missed) > 4 else ''} got no gradient in "
            f"pretraining, though requires_grad is set.",
            "Use the layer in the loss, remove it, freeze it (requires_grad_(False)), or list it in "
            "Method.without_gradient with the reason.",
        )
    if stale := [start for start in listed if not any(name.startswith(start) for name in trainable - reached)]:
        raise Broken(
            f"without_gradient lists {', '.join(stale)}, and every such parameter gets a gradient.", "Remove it there."
        )


@collected(
    CHECKS,
    "the loss decreases on a repeated batch",
    "The method's weights must be able to lower pretraining_loss.",
)
def the_loss_falls_on_a_batch_seen_again(subject: MethodSubject) -> None:
    subject.needs("pretraining_loss")
    method = copy.deepcopy(subject.built).train()
    settings = method.config.pretrain
    trainable = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=settings.lr, betas=settings.betas)
    losses: list[float] = []
    # 6 steps are enough where each of the last three losses is below each of the first three
    while len(losses) < 20 and not (len(losses) == 6 and max(losses[3:]) < min(losses[:3])):
        for group in optimiser.param_groups if settings.warmup_epochs else ():
            group["lr"] = settings.lr * (len(losses) + 1) / 20
        with seeded(2):  # the same views and masks each time: others could hide what 20 steps change
            loss = total_loss(method, subject.batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    if not last < first:
        raise Broken(
            f"after {len(losses)} steps on one batch the loss went from {first:.4g} to {last:.4g}.",
            f"Check its sign, and whether pretrain.lr = {settings.lr:g} is too large.",
        )


@collected(
    CHECKS,
    "a step in mixed precision is finite",
    "GPUs train in bf16-mixed by default: products of float32 tensors come out as bfloat16.",
)
def a_step_in_mixed_precision_is_finite(subject: MethodSubject) -> None:
    subject.needs("pretraining_loss")
    method = copy.deepcopy(subject.built).train()
    try:
        with seeded(9), torch.autocast("cpu", torch.bfloat16):
            loss = total_loss(method, subject.batch)
    except RuntimeError as error:
        raise Broken(
            f"under torch.autocast, pretraining_loss fails: {error}",
            "Convert tensors to one dtype before combining them (x.to(self.token.dtype)).",
        ) from error
    if not torch.isfinite(loss):
        raise Broken(f"under torch.autocast, the loss is {loss.item()}.", "Compute sums of exponentials in float32.")


@collected(
    CHECKS,
    "its loss equals the loss of its embeddings",
    "pretraining_loss(batch) must be loss_of_embeddings(pretraining_embeddings(batch)).",
)
def its_loss_is_that_of_its_embeddings(subject: MethodSubject) -> None:
    subject.needs("pretraining_loss")
    if not subject.cls.implements("pretraining_embeddings"):
        raise DoesNotApply(f"{subject.cls.name} does not train in parts by its embeddings")
    direct, composed = copy.deepcopy(subject.built).train(), copy.deepcopy(subject.built).train()
    with seeded(8):
        expected = direct.pretraining_loss(subject.batch)
    with seeded(8):
        embeddings = composed.pretraining_embeddings(subject.batch)
        for name, rows in embeddings.items():
            if len(rows) != len(subject.batch):
                raise Broken(
                    f"pretraining_embeddings gave {name} of shape {tuple(rows.shape)} for {len(subject.batch)} recordings.",
                    "Return one row per record in each: parts of a batch are concatenated along the first axis.",
                )
        terms = composed.loss_of_embeddings(embeddings)
    if terms.keys() != expected.keys() or any(not torch.allclose(terms[k], expected[k], rtol=1e-5) for k in terms):
        raise Broken(
            "loss_of_embeddings of pretraining_embeddings differs from pretraining_loss.",
            "Remove pretraining_loss: the contract computes it from these two.",
        )


@collected(CHECKS, "it encodes any number of recordings", "encode(batch) must return a tensor [record, dim].")
def encodes_any_batch_size(subject: MethodSubject) -> None:
    subject.needs("encode")
    batch, built = subject.batch, subject.built
    given = batch.ecg.clone()
    together = encode(built, batch)
    if not torch.equal(batch.ecg, given):
        batch.ecg.copy_(given)
        raise Broken("encode changes batch.ecg.", "Compute a new tensor instead of x -= ... or x *= ... on the input.")
    if together.ndim != 2 or len(together) != len(batch):
        raise Broken(
            f"encode returned shape {tuple(together.shape)} for {len(batch)} recordings; expected ({len(batch)}, dim).",
            "Pool over time, for instance with .mean(-1).",
        )
    if not torch.isfinite(together).all():
        raise Broken("encode returned a value that is not finite.", "Look for a division by a range or SD of zero.")
    if not alike(encode(built, batch), together):
        raise Broken(
            "encode gives other values the second time.",
            "In evaluation nothing may be drawn at random; module.eval() switches dropout off, torch.randn does not.",
        )
    if torch.allclose(together[0], together[1], rtol=1e-4):
        raise Broken("two different recordings have the same representation.", "encode must read batch.ecg.")
    for rows in ([1], [3, 0, 2]):
        if not alike(encode(built, take_rows(batch, rows)), together[rows]):
            raise Broken(
                "a recording is encoded differently alone and in a batch.",
                "In evaluation nothing may depend on the other recordings: use running statistics, not those of the batch.",
            )


@collected(CHECKS, "it reads the leads it declares", "Absent leads are rows of zeros, marked in batch.leads.")
def reads_the_leads_it_declares(subject: MethodSubject) -> None:
    subject.needs("encode")
    batch, built = take_rows(subject.batch, [0, 1, 2]), subject.built
    for names in (["I"], ["II", "V1", "V5"], list(LEADS[:6])):
        present = torch.tensor([lead in names for lead in LEADS]).expand(len(batch), -1)
        fewer = replace(batch, ecg=batch.ecg * present[..., None], leads=present)
        vectors = encode(built, fewer)
        if not torch.isfinite(vectors).all():
            raise Broken(
                f"with leads {', '.join(names)} alone, encode returned a value that is not finite.",
                "Absent leads are zeros; do not divide by their range or SD.",
            )
        if built.input.partial_leads:
            anything = replace(fewer, ecg=torch.where(present[..., None], batch.ecg, 7.0))
            if not alike(encode(built, anything), vectors):
                raise Broken(
                    "values in absent leads change the representation, although InputSpec states partial_leads=True.",
                    "Ignore the leads that batch.leads marks as absent, or remove partial_leads.",
                )


@collected(CHECKS, "it learns from the leads it declares", "pretraining_loss must read batch.leads.")
def learns_from_the_leads_it_declares(subject: MethodSubject) -> None:
    subject.needs("pretraining_loss")
    if not subject.built.input.partial_leads:
        raise DoesNotApply(f"{subject.cls.name} reads all leads")
    present = torch.zeros_like(subject.batch.leads)
    present[:, [0, 1, 7]] = True
    fewer = replace(subject.batch, ecg=subject.batch.ecg * present[..., None], leads=present)
    loss = gradient_step(copy.deepcopy(subject.built), fewer, seed=1)
    if not torch.isfinite(torch.tensor(loss)):
        raise Broken(f"with three leads the loss is {loss}.", "Leave absent leads out of the loss.")


@collected(
    CHECKS, "the same seed gives the same weights", "Draw at random from torch's and numpy's global generators only."
)
def is_the_same_again_under_a_seed(subject: MethodSubject) -> None:
    again = subject.again()
    if different := differing(subject.built, again):
        raise Broken(
            f"built twice from one seed, {different[0]} differs.",
            "Draw at random from torch's and numpy's global generators only; the harness seeds them.",
        )
    if subject.cls.implements("pretraining_loss"):
        first, loss = subject.stepped
        losses = [loss, gradient_step(again, subject.batch, seed=1)]
        if losses[0] != losses[1] or differing(first, again):
            raise Broken(
                f"one step from the same weights and seed gave {losses[0]!r} and {losses[1]!r}.",
                "Draw at random from torch's and numpy's global generators only, and iterate over no set.",
            )


@collected(
    CHECKS,
    "its state holds everything that it learned",
    "What a step changes must be a parameter or a buffer; what prepare_corpus makes must not depend on the seed.",
)
def all_it_learned_is_in_its_state(subject: MethodSubject) -> None:
    """A run that is resumed from the state goes on, to the bit, as if it had not been disturbed."""
    hint = "Keep everything that training changes as parameters or buffers (register_buffer), not as plain attributes."
    batch, pretrains = subject.batch, subject.cls.implements("pretraining_loss")
    trained = copy.deepcopy(subject.stepped[0] if pretrains else subject.built)
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    resumed = subject.again(seed=5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    if different := differing(trained, resumed):
        raise Broken(f"{different[0]} differs from the saved value after loading.", hint)
    if subject.cls.implements("encode") and not torch.equal(encode(trained, batch), encode(resumed, batch)):
        raise Broken("after saving and loading, encode gives other values.", hint)
    if pretrains:
        losses = [gradient_step(method, batch, seed=6) for method in (trained, resumed)]
        if losses[0] != losses[1] or differing(trained, resumed):
            raise Broken("after saving and loading, pretraining continues differently.", hint)


@collected(CHECKS, "it scores classes by name", "zero_shot(batch, names) must return a tensor [record, class].")
def scores_classes_by_name(subject: MethodSubject) -> None:
    subject.needs("zero_shot")
    method = copy.deepcopy(subject.built).eval()  # one that was asked may keep embeddings of names
    with torch.no_grad():
        scores = method.zero_shot(subject.batch, list(CLASSES))
    expected = (len(subject.batch), len(CLASSES))
    if tuple(scores.shape) != expected:
        raise Broken(
            f"zero_shot returned shape {tuple(scores.shape)}; expected {expected}.", "Return one column per class."
        )
    if not torch.isfinite(scores).all():
        raise Broken("zero_shot returned a score that is not finite.", "Normalise before comparing, not after.")
    for rows in ([0], [1, 2]):
        with torch.no_grad():
            alone = method.zero_shot(take_rows(subject.batch, rows), list(CLASSES))
        if not alike(alone, scores[rows]):
            raise Broken(
                "a recording is scored differently alone and in a batch.",
                "Nothing may depend on the other recordings, which are tested on too: rank or normalise each by itself.",
            )


@collected(CHECKS, "a head can be trained on it", "encode must pass gradients on to the method's parameters.")
def a_head_can_be_trained_on_it(subject: MethodSubject) -> None:
    subject.needs("encode")
    if not any(modes.facts(mode).trains for mode in subject.cls.modes()):
        raise DoesNotApply(f"{subject.cls.name} offers no mode that trains it")
    if not any(True for _ in subject.built.parameters()):
        raise DoesNotApply(f"{subject.cls.name} has no weights; the head alone is trained")
    method = copy.deepcopy(subject.built).train()
    with seeded(7):
        encoded = method.encode(subject.batch)
        method.head(encoded.shape[1], 3)(encoded).sum().backward()
    if not any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.parameters()):
        raise Broken(
            "a head's loss reaches none of the method's weights, though it offers a mode that trains them.",
            "Do not detach or use no_grad in encode; the harness does that itself when weights are frozen.",
        )
