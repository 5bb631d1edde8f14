"""Pooling, norm before the head and frozen parts of each method: one answer per method.

The answers are those of papers and releases (``methods/published``). They are compared with what the modules are given and
give: a representation is computed again from the output of the module that the answer names, and a head must have been
given exactly what its source gave. A norm that is left out, put elsewhere or applied twice changes these numbers.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F

from bench import registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded

ENTRIES = registry.entries(registry.METHODS)

LEADS = 12


def class_tokens(x):
    """CRT: a class token before the patches of time, of magnitudes and of phases, which are half as many each."""
    times = (x.shape[1] - 3) // 2
    return x[:, [0, times + 1, times + times // 2 + 2]].mean(1)


HOW = {
    "as it is": lambda x: x,
    "mean over time": lambda x: x.mean(-1),
    "mean over time, then of the halves": lambda x: x.mean(-1).unflatten(0, (-1, 2)).mean(1),
    "maximum and mean over time": lambda x: torch.cat([x.amax(-1), x.mean(-1)], 1),
    "mean over time of one, maximum of the other": lambda x, y: torch.cat([x.mean(-1), y.amax(-1)], 1),
    "mean of all tokens": lambda x: x.mean(1),
    "mean of all tokens but the class token": lambda x: x[:, 1:].mean(1),
    "mean of all tokens but two separators per lead": lambda x: x.unflatten(1, (LEADS, -1))[:, :, 1:-1].mean((1, 2)),
    "mean of the three class tokens": class_tokens,
    "first token": lambda x: x[:, 0],
    "states": lambda x: x[0],
    "mean, maximum and last of the states": lambda x: torch.cat([x[0].mean(1), x[0].amax(1), x[0][:, -1]], 1),
    "lead by lead": lambda x: x.unflatten(1, (LEADS, -1)),
    "leads one below the other": lambda x: x.flatten(0, 1),
    "transposed": lambda x: x.transpose(1, 2),
    "rows": lambda *parts: torch.cat([x.flatten(0, 1) for x in parts]),
    "rows of length one": lambda x: F.normalize(x, dim=1).transpose(1, 2).flatten(0, 1),
}
"""What is done to outputs of modules."""


@dataclass(frozen=True)
class Answer:
    """How a method's parts are put together.

    Attributes:
        pooled: modules (``x[-1]``: the last of x) whose outputs are pooled, and how.
        norm: what the pooled vector passes last; nothing, where it is empty.
        heads: what a module is given in pretraining: outputs (``input of x``: what x was given), and how.
        frozen: starts of the names of all parameters that do not train.
        settings: other than those of the smoke profile.
    """

    pooled: tuple[str, ...]
    norm: str = ""
    heads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


MAP = ("encoder.stages", "mean over time")
PROJECTED = {"projector": ("encoder", "as it is")}
TWICE = PROJECTED | {"predictor": ("projector", "as it is")}
DAN = {"decoder": ("encoder", "as it is"), "project_ecg": ("encoder", "as it is")}
POSITIONS = ("net.encoder.positions", "net.positions")
VIT = ("net.encoder.blocks[-1]", "mean of all tokens but the class token")
MAE = {
    "net.encoder.norm": ("net.encoder.blocks[-1]", "as it is"),
    "net.embed": ("net.encoder.norm", "as it is"),
    "net.norm": ("net.blocks[-1]", "as it is"),
    "net.predict": ("net.norm", "as it is"),
}
ESI = Answer(
    ("encoder.stages[-1]", "mean over time"),
    norm="encoder.norm",
    heads={
        "ecg_token": ("encoder", "as it is"),
        "ecg_norm": ("ecg_token", "as it is"),
        "project_ecg": ("ecg_norm", "as it is"),
        "captioner.vocabulary": ("captioner.norm", "as it is"),
    },
)


def mmcl_baseline(*frozen, **heads):
    """MMCL's transformer: the mean of its tokens without the class token, then the norm; positions are fixed."""
    pooled = ("encoder.blocks[-1]", "mean of all tokens but the class token")
    return Answer(pooled, norm="encoder.norm", heads=PROJECTED | heads, frozen=("encoder.positions", *frozen))


ANSWERS: dict[str, Answer] = {
    "astcl": Answer(
        MAP, heads={"projector": ("encoder.stages", "mean over time"), "predictor": ("projector", "as it is")}
    ),
    "barlow-twins": Answer(MAP, heads=PROJECTED | {"loss.standardise": ("projector", "as it is")}),
    "byol": Answer(MAP, heads=TWICE | {"target.net[-1]": ("target.net[0]", "as it is")}, frozen=("target",)),
    "clocs": Answer(("encoder.stages", "mean over time, then of the halves")),
    "cnn-vae": Answer(
        ("encoder.mean", "as it is"),
        heads={
            "encoder.mean": ("encoder.body", "as it is"),
            "encoder.log_variance": ("encoder.body", "as it is"),
            "project_ecg": ("input of decoder", "as it is"),  # a sample of the code
        },
    ),
    "cpc": Answer(
        ("summary", "mean, maximum and last of the states"),
        heads={"summary": ("encoder", "transposed"), "predict": ("summary", "states")},
    ),
    "cross-modal-ae": Answer(
        ("ecg_encoder", "as it is"),
        heads=dict.fromkeys(("ecg_decoder", "image_decoder"), ("ecg_encoder", "image_encoder", "either")),
    ),
    "crt": Answer(
        ("net.encoder.blocks[-1]", "mean of the three class tokens"),
        heads={"net.rebuild[0]": ("net.encoder.blocks[-1]", "net.blocks[-1]", "rows")},
    ),
    "esi": ESI,
    "esi-tiny": ESI,
    "etp": Answer(MAP, heads={"project_ecg": ("encoder", "as it is")}, frozen=("log_scale",)),
    "kmerl": Answer(
        ("encoder.norm", "mean of all tokens"),
        heads={
            "encoder.norm": ("encoder.blocks[-1]", "as it is"),
            "project_ecg": ("encoder.norm", "mean of all tokens"),
            "query_network.classify": ("query_network.norm", "as it is"),
        },
        settings=("masked_leads=[9]",),  # as many visible tokens in each record, so that none is padding
    ),
    "leaves": Answer(MAP, heads=PROJECTED),
    "llm-dan": Answer(
        ("encoder.average_pool", "encoder.max_pool", "mean over time of one, maximum of the other"), heads=DAN
    ),
    "mae": Answer(VIT, norm="net.encoder.norm", heads=MAE, frozen=POSITIONS),
    "merl": Answer(
        ("net.encoder.stages", "mean over time"),
        heads={
            "net.heads.reduce": ("net.encoder.stages", "as it is"),
            "net.heads.pool": ("net.heads.reduce", "as it is"),
            "net.heads.branch1": ("net.heads.reduce", "mean over time"),
            "net.heads.branch2": ("net.heads.reduce", "mean over time"),
        },
    ),
    "mets": Answer(MAP, heads={"project": ("encoder", "as it is")}),
    "mmcl": Answer(
        VIT,
        norm="net.encoder.norm",
        heads=MAE
        | {
            "project_ecg": ("net.encoder", "as it is"),
            "project_image": ("image", "as it is"),
            "project_simclr": ("image", "as it is"),
        },
        frozen=POSITIONS,
    ),
    "mmcl-barlow-twins": mmcl_baseline(**{"loss.standardise": ("projector", "as it is")}),
    "mmcl-byol": mmcl_baseline("target", predictor=("projector", "as it is")),
    "mmcl-clocs": mmcl_baseline(),
    "mmcl-simclr": mmcl_baseline(),
    "moco-v3": Answer(MAP, heads=TWICE | {"keys.net[-1]": ("keys.net[0]", "as it is")}, frozen=("keys",)),
    "simclr": Answer(MAP, heads=PROJECTED),
    "simsiam": Answer(MAP, heads=TWICE),
    "st-mem": Answer(
        ("net.encoder.blocks[-1]", "mean of all tokens but two separators per lead"),
        norm="net.encoder.norm",
        heads=MAE | {"net.encoder.norm": ("net.encoder.blocks[-1]", "lead by lead")},
        frozen=POSITIONS,
    ),
    "ts-tcc": Answer(
        ("encoder.blocks", "mean over time"),
        heads={
            "temporal.embed": ("encoder.blocks", "rows of length one"),
            "temporal.predict[0]": ("temporal.blocks[-1]", "first token"),
            "temporal.project": ("temporal.blocks[-1]", "first token"),
        },
    ),
    "xresnet1d101-beats": Answer(("encoder.blocks", "maximum and mean over time"), heads=DAN),
}

ATTENTION = {"net.encoder": ("mae", "mmcl"), "encoder": ("mmcl-barlow-twins", "mmcl-byol", "mmcl-clocs", "mmcl-simclr")}
FINETUNED = {name: encoder for encoder, names in ATTENTION.items() for name in names}
"""Methods whose fine-tuning pools by attention, once normed, with positions that train (MMCL IV-C.2)."""


class Watched:
    """What each module of a method is given and gives, in the order of its calls."""

    def __init__(self, method):
        self.modules = dict(method.named_modules())
        self.given, self.gave = defaultdict(list), defaultdict(list)
        for name, module in self.modules.items():
            module.register_forward_hook(lambda _, args, out, name=name: self._note(name, args, out))

    def _note(self, name, args, out):
        self.given[name].append(args[0].detach() if args and isinstance(args[0], torch.Tensor) else None)
        self.gave[name].append(out.detach() if isinstance(out, torch.Tensor) else out)

    def name(self, path):
        """A module's name; of ``x[-1]`` that of the last one of x."""
        whole, _, index = path.partition("[")
        if not index:
            return path
        return f"{whole}.{list(dict(self.modules[whole].named_children()))[int(index.rstrip(']'))]}"

    def outputs(self, paths):
        """Of several modules, call by call."""
        calls = [
            self.given[self.name(path.removeprefix("input of "))]
            if path.startswith("input of ")
            else self.gave[self.name(path)]
            for path in paths
        ]
        return zip(*calls, strict=True)

    def forget(self):
        self.given.clear()
        self.gave.clear()


def made(name, answer=None):
    cls = registry.load(registry.METHODS, name)
    settings = [f"{name}.{setting}" for setting in (answer.settings if answer else ())]
    config = method_config(cls, "smoke", parse_overrides(settings, [name]))
    corpus, batch = synthetic_corpus(cls.input_for(config), records=4)
    with seeded(0):
        method = cls(config)
        method.prepare_corpus(corpus)
    return method, batch


def close(one, other):
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def is_made_of(given, rows):
    """Whether every vector that a module was given is one of these."""
    distances = torch.cdist(given.flatten(0, 1), rows, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.amin(1).max() < 1e-4


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_pooled_and_normed(name):
    answer = ANSWERS[name]
    method, batch = made(name, answer)
    watched = Watched(method.eval())
    with torch.no_grad():
        vector = method.encode(batch)
        *paths, how = answer.pooled
        expected = HOW[how](*list(watched.outputs(paths))[-1])
        normed = watched.modules[answer.norm](expected) if answer.norm else expected
    assert close(vector, normed)
    assert not answer.norm or not close(normed, expected)


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if answer.heads])
def test_what_each_head_is_given(name):
    answer = ANSWERS[name]
    method, batch = made(name, answer)
    watched = Watched(method.train())
    wrong = set(answer.heads)
    with seeded(0):
        for stage in method.stages(method.config):
            method.begin_stage(stage)
            watched.forget()
            method.pretraining_loss(batch)
            for head, (*paths, how) in answer.heads.items():
                given = watched.given[watched.name(head)]
                outputs = list(watched.outputs(paths))
                sources = sum(outputs, ()) if how == "either" else [HOW[how](*of_call) for of_call in outputs]
                matches = is_made_of if how.startswith("rows") else close
                if given and all(any(matches(x, source) for source in sources) for x in given):
                    wrong.discard(head)
    assert not wrong


@pytest.mark.parametrize(
    ("name", "head"), [("etp", "project_text"), ("merl", "net.text_projector"), ("kmerl", "project_text")]
)
def test_a_head_of_texts_is_given_what_the_text_encoder_pools(name, head):
    method, batch = made(name, ANSWERS[name])
    watched = Watched(method.train())
    with seeded(0):
        method.pretraining_loss(batch)
    (given,) = watched.given[head]
    assert close(given, method.text.reports(batch))
    alone = torch.cat([method.text.encoder.encode([text]) for text in batch.text])
    assert close(given, alone)  # whatever else is in the batch: padding is not pooled


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_frozen(name):
    method, _ = made(name)
    parameters = dict(method.named_parameters())
    declared = {path for path in parameters if any(path == f or path.startswith(f"{f}.") for f in ANSWERS[name].frozen)}
    assert {path for path, parameter in parameters.items() if not parameter.requires_grad} == declared
    assert all(any(path.startswith(f) for path in declared) for f in ANSWERS[name].frozen)


@pytest.mark.parametrize("name", FINETUNED)
def test_fine_tuning_pools_by_attention_and_frees_the_positions(name):
    encoder = FINETUNED[name]
    method, batch = made(name)
    method.begin_finetuning()
    watched = Watched(method.eval())
    with torch.no_grad():
        vector = method.encode(batch)
        (pooled,) = watched.gave[f"{encoder}.pool"]
        (tokens,) = watched.given[f"{encoder}.pool"]
        assert close(tokens, watched.gave[watched.name(f"{encoder}.blocks[-1]")][-1][:, 1:])
        assert close(vector, watched.modules[f"{encoder}.norm"](pooled))
    assert dict(method.named_parameters())[f"{encoder}.positions"].requires_grad


def test_every_method_that_pretrains_has_an_answer():
    pretraining = {n for n, entry in ENTRIES.items() if entry.defines & {"pretraining_loss", "loss_of_embeddings"}}
    assert pretraining <= set(ANSWERS)
