"""The page of each dataset: how to get it, what shares its recordings, which weights have seen them, and its tasks."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import kinds
from bench.cells.result import Result
from bench.contamination.declared import OTHER, canonical, collections, known_collections, relation
from bench.data.download.command import DEFAULT_FOLDER
from bench.dataset import Dataset
from bench.errors import foreign_code
from bench.leaderboard.site.describe import paragraphs
from bench.leaderboard.site.render_html import page, write_page
from bench.method.released import released_files
from bench.registry import Entry

_ACCESS = {"open": "open", "credentialed": "restricted: the publisher asks for an agreement first"}


def write_dataset_pages(
    datasets: Mapping[str, Entry],
    tasks: Mapping[str, Entry],
    methods: Mapping[str, Entry],
    rows: Sequence[dict[str, Any]],
    results: Sequence[Result],
    folder: Path,
) -> None:
    """Write the page of each dataset, and their list.

    Args:
        tasks: with a page, transferred ones included.
        methods: registered ones, whose released weights state what they have seen.
        rows: all results (:func:`bench.leaderboard.site.result_rows.result_rows`).
    """
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row["task"]] += len(row["cells"])
    trained = corpora_of(results)
    listed = []
    for name, entry in datasets.items():
        facts = dataset_facts(entry)
        asked = [
            (task, kinds.of_entry(of), counts[task])
            for task, of in tasks.items()
            if name in task_datasets(of, datasets)
        ]
        text = page(
            "dataset.html",
            root="../",
            section="datasets",
            tables=len(asked) > 10,
            tasks=asked,
            shared=shared_recordings(name),
            seen=released_that_saw(name, methods),
            trained=sorted(trained[name]),
            methods=methods,
            datasets=datasets,
            n_results=sum(count for *_, count in asked),
            **facts,
        )
        write_page(folder / f"{name}.html", text)
        cells = [
            facts["title"],
            facts["access"].split(":")[0],
            facts["license"],
            facts["records"].split(" (")[0] or "—",
        ]
        listed.append((name, [*cells, len(asked), sum(count for *_, count in asked)]))
    heads = ["Dataset", "Title", "Access", "Licence", "Recordings", "Tasks", "Results"]
    text = page(
        "listing.html", root="../", section="datasets", heading="Datasets", heads=heads, rows=listed, tables=True
    )
    write_page(folder / "index.html", text)


def dataset_facts(entry: Entry) -> dict[str, Any]:
    """What its class states. One whose module cannot be imported keeps what its source says."""
    facts: dict[str, Any] = {
        "name": entry.name, "title": entry.name, "about": paragraphs(entry.summary), "url": "", "access": "", "license": "",
        "citation": "", "records": "", "rates": "", "texts": "", "aliases": "", "commands": [], "steps": "", "simulated": 0,
    }  # fmt: skip
    try:
        with foreign_code():
            cls: type[Dataset] = entry.load()
    except Exception as error:  # whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {entry.name} shows what its source says: {error}", stacklevel=2)
        return facts
    sizes = [f"{n:,} (version {version})" for version, n in cls.full_size.items()]
    commands, download = [], f"bench data download {cls.reads_files_of or entry.name}"
    if cls.access == "open" and cls.publication is not None:
        commands = [download, *(f"{download} --also {more.name}   # with {more.title}" for more in cls.companions)]
        commands.append(f"bench data prepare {entry.name} --data-root {DEFAULT_FOLDER}")
    said = commands and cls.fetch.startswith(f"Get the files with: {download} (from")
    return facts | {
        "title": cls.title,
        "about": paragraphs(cls.__doc__ or entry.summary),
        "url": cls.url,
        "access": _ACCESS.get(cls.access, cls.access),
        "license": cls.license or "not stated",
        "citation": cls.citation,
        "records": ", ".join(sizes),
        "rates": ", ".join(f"{rate} Hz" for rate in cls.rates),
        "texts": ", ".join(cls.text_sources),
        "aliases": ", ".join(vars(cls).get("aliases", ())),
        "commands": commands,
        "steps": "" if said else cls.fetch,
        "simulated": cls.simulated_records,
    }


def task_datasets(entry: Entry, datasets: Mapping[str, Any]) -> list[str]:
    """The datasets of a task that have a page; those of a transferred one are two."""
    stated = str(entry.attributes.get("dataset"))
    return [name for name in stated.split(" and ") if name in datasets]


def shared_recordings(name: str) -> list[tuple[str, str]]:
    """Other collections that hold recordings of a dataset, and which ones, as either side declares it."""
    found = ((other, relation(name, other)) for other in known_collections())
    return [
        (other, related.why.partition(": ")[2])
        for other, related in found
        if related is not None and related.kind == "overlap" and canonical(other) == other
    ]


def released_that_saw(name: str, methods: Mapping[str, Entry]) -> list[tuple[str, str, str]]:
    """Method, corpus and reason of released weights whose corpora are a dataset or share recordings with it."""
    seen: dict[tuple[str, str], str] = {}
    for method, entry in methods.items():
        for weights in released_files(entry.attributes).values():
            for corpus in weights.corpora:
                related = None if corpus.startswith(OTHER) else relation(name, corpus)
                if related is not None:
                    same = related.kind == "same"
                    seen[(method, corpus)] = "the dataset itself" if same else related.why.partition(": ")[2]
    return [(method, corpus, why) for (method, corpus), why in seen.items()]


def corpora_of(results: Sequence[Result]) -> dict[str, set[str]]:
    """Dataset -> the methods whose results here rest on weights that were pretrained on it."""
    trained: dict[str, set[str]] = defaultdict(set)
    for result in results:
        for corpus in collections((result.checkpoint.get("corpus") or {}).get("dataset")):
            trained[canonical(corpus)].add(result.method_name)
    return trained
