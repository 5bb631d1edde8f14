"""Statements of papers and releases (``methods/published``) are held to the configs, and every difference has a reason."""

import dataclasses
import functools
import re

import pytest

from bench import registry
from bench.errors import DataError
from bench.explain.paper_table import SILENT, UNREAD, OurSettings, comparisons, paper_table
from bench.reading.as_published import ASPECTS, as_published, deviations
from bench.tracking.run_fields import flatten

ENTRIES = registry.entries(registry.METHODS)
LARGE = ("esi", "esi-tiny")  # hundreds of millions of weights are made to be counted
UNSTATED = {
    "encoder",
    "hrv-morphology",
    "simple-statistics",
    "xgboost-statistics",
}  # whose author states it; which have no paper
METHODS = [
    pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
    for name, entry in ENTRIES.items()
    if as_published(entry) is not None
]


def test_every_method_has_a_file_of_statements():
    """``methods/published/NAME.yaml``; its page and ``bench explain NAME --paper`` are made from it.

    Weights that others trained are checked against stored outputs of their release, and may go without.
    """
    without = {name for name, entry in ENTRIES.items() if as_published(entry) is None}
    assert {name for name in without if not ENTRIES[name].load().published_weights} == UNSTATED


def stated(name):
    return as_published(ENTRIES[name])


@functools.cache
def compared(name):
    cls = ENTRIES[name].load()
    ours = OurSettings(cls)
    return [c for aspect in ASPECTS for c in comparisons(cls, aspect, stated(name), ours)]


@pytest.mark.parametrize("name", METHODS)
def test_what_paper_and_release_state_is_the_default_or_has_a_reason(name):
    settings = compared(name)
    assert [c.setting for c in settings if c.differs and not c.why] == []
    differing = {c.setting for c in settings if c.differs}
    reasons = {setting for aspect in stated(name).aspects.values() for setting in aspect.why}
    assert reasons <= differing | {"ours"}  # a reason outlives its difference
    assert set(deviations(ENTRIES[name])) <= differing  # what a row is marked for is in the table


@pytest.mark.parametrize("name", METHODS)
def test_every_default_that_is_not_the_papers_marks_a_row(name):
    cls = ENTRIES[name].load()
    defaults = flatten(cls.Config().model_dump())
    differing = {c.setting for c in compared(name) if c.differs and c.has_paper and c.setting in defaults}
    marks = deviations(ENTRIES[name])
    assert differing <= set(marks)
    assert {field: defaults[field] for field in marks} == {field: value for field, (value, _) in marks.items()}


@pytest.mark.parametrize("name", METHODS)
def test_words_of_a_paper_are_not_ours_where_a_setting_of_theirs_differs(name):
    for aspect, declared in stated(name).aspects.items():
        settings = {c.setting for c in compared(name) if c.differs and c.has_paper} & set(declared.paper.settings)
        if declared.paper.says and {s for s in settings if not s.startswith("parameters.")}:
            assert declared.ours, aspect


NOT_READ = ["astcl", "mets", "merl", "mlbf-net", "cross-modal-ae"]


@pytest.mark.parametrize("name", NOT_READ)
def test_a_paper_that_was_not_read_is_not_called_silent(name):
    table = paper_table(ENTRIES[name])
    assert UNREAD in table.sources[0]
    assert not any(SILENT in row.paper for row in table.rows)
    assert any(UNREAD in row.paper for row in table.rows)
    if name != "merl":  # whose release was read
        assert table.sources[1] == UNREAD
        assert {row.release for row in table.rows} <= {UNREAD, "—"}


@pytest.mark.parametrize("name", METHODS)
def test_every_number_is_a_setting(name):
    for aspect in stated(name).aspects.values():
        assert not aspect.why.get("ours") or aspect.ours
        for words in (aspect.paper.says, aspect.release.says, aspect.ours):
            alone = re.sub(r"\b(?:Table|Figure) \w+|\b[A-Za-z][\w-]*\d[\w-]*|\bV2\b", "", words)
            assert not re.search(r"\d", alone), words


def test_a_file_can_be_read_with_at_most_one_other():
    """No anchors, and no chain: what a file is ``like`` is complete."""
    files = {path.stem: path.read_text() for path in (ENTRIES["etp"].path.parent / "published").glob("*.yaml")}
    like = {name: match[1] for name, text in files.items() if (match := re.search(r"^like: (\S+)$", text, re.M))}
    assert like
    assert not set(like.values()) & set(like)
    assert [name for name, text in files.items() if re.search(r"(^|[\s\[{,])[&*][a-z]", text)] == []


def test_a_default_that_moves_away_from_its_paper_is_a_difference():
    etp = ENTRIES["etp"].load()
    config = etp.Config()
    moved = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"lr": 1e-3})})
    ours = OurSettings(etp, moved)
    (rate,) = [c for c in comparisons(etp, "optimiser", stated("etp"), ours) if c.setting == "pretrain.lr"]
    assert rate.differs
    assert not rate.why


@pytest.mark.parametrize("name", METHODS)
def test_every_table_has_every_aspect(name):
    assert [row.aspect for row in paper_table(ENTRIES[name]).rows] == list(ASPECTS)


def test_a_table_says_what_differs_and_where_the_paper_is_silent():
    rows = {row.aspect: row for row in paper_table(ENTRIES["kmerl"]).rows}
    assert rows["schedule"].paper == f"schedule cosine; {SILENT} on warmup_epochs"
    assert rows["parameters"].paper == SILENT
    assert rows["text encoder"].differences == (
        "model minilm, not medcpt: the text encoder is the packaged MiniLM, Med-CPT in the paper",
    )
    assert any(
        choice.startswith("query_dim 256: width of the query network") for choice in rows["architecture"].choices
    )
    assert {row.release for row in rows.values()} == {"none published"}


def test_a_method_without_a_file_has_ours_alone(tmp_path):
    entry = dataclasses.replace(ENTRIES["etp"], path=tmp_path / "etp.py")
    rows = {row.aspect: row for row in paper_table(entry).rows}
    assert rows["epochs"].ours == "epochs 50"
    assert rows["epochs"].paper == "not stated here"
    assert rows["architecture"].ours == "not stated here"
    assert list(rows) == list(ASPECTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paper: a\nepochs: {paper: {pretrain.epoch: 50}}", r"states 'pretrain.epoch', and etp has no such setting"),
        ("paper: a\nepoch: {}", r"etp\.yaml: epoch: Extra inputs"),
        ("paper: a\nepochs: {paper: 50}", r"etp\.yaml: aspects\.epochs\.paper: expected settings, found 50"),
        ("epochs: {}", r"etp\.yaml: paper: Field required"),
        ("paper: [", r"etp\.yaml: not readable"),
    ],
)
def test_a_wrong_file_names_its_fault(tmp_path, text, message):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "etp.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        paper_table(dataclasses.replace(ENTRIES["etp"], path=tmp_path / "etp.py"))
