"""The page of a method: paper, released weights, measured costs and boards."""

from dataclasses import replace

from bench import registry
from bench.leaderboard import boards
from bench.leaderboard.site.method_pages import measured, method_pages, weights_facts
from bench.leaderboard.site.result_rows import result_rows
from bench.method.released import Released


def pages(names, results=()):
    methods = {name: registry.entries(registry.METHODS)[name] for name in names}
    return method_pages(methods, {}, boards(), {}, result_rows(results), results)


def test_a_released_model_shows_paper_weights_licence_corpora_and_its_input():
    text = pages(["ecg-fm"])["ecg-fm"]
    assert '<a href="https://arxiv.org/abs/2408.05178">' in text
    assert '<a href="https://huggingface.co/wanglab/ecg-fm">' in text
    assert "mimic_iv_ecg_physionet_pretrained.pt (1,090 MB)" in text
    assert "<dt>Licence</dt><dd>MIT</dd>" in text
    assert "mimic-iv-ecg, ptbxl, cpsc2018" in text
    assert "<li>Before the network: two halves of 5 s" in text
    assert "pretrain.epochs" not in text  # it is not pretrained here


def test_a_paper_has_its_title_year_and_a_link_and_many_boards_are_behind_a_disclosure():
    text = pages(["simclr"])["simclr"]
    assert "<cite>A Simple Framework for Contrastive Learning of Visual Representations</cite>" in text
    assert "Chen et al., ICML 2020" in text
    assert '<a href="https://arxiv.org/abs/2002.05709">arXiv 2002.05709</a>' in text
    assert "<summary>On 1" in text
    assert "Random Init" not in registry.entries(registry.METHODS)["random-resnet"].title  # the name of a row


def test_what_differs_between_files_is_stated_for_each():
    files = {
        "a": Released(file="a.pt", licence="MIT", corpora=("ptbxl",), megabytes=3),
        "b": Released(file="b.pt", licence="MIT", corpora=("ptbxl", "csn")),
    }
    assert weights_facts(files) == [
        ("File", [("a", "a.pt (3 MB)"), ("b", "b.pt")]),
        ("Licence", [("", "MIT")]),
        ("Pretrained on", [("a", ("ptbxl",)), ("b", ("ptbxl", "csn"))]),
    ]


def test_the_speed_is_the_median_of_the_machine_with_most_results(make_result):
    machine = {"processor": "x86_64", "threads": 2, "gpu": "none"}
    results = [
        replace(
            result, provenance=result.provenance | {"parameters": 5_000_000, "recordings_per_second": v, "machine": m}
        )
        for result, v, m in zip(
            (make_result("simclr", f"t{k}") for k in range(4)),
            (10, 30, 20, 900),
            (machine, machine, machine, machine | {"gpu": "H200"}),
            strict=True,
        )
    ]
    assert "5 million parameters" in measured(results)
    assert "20 recordings per second (x86_64 CPU, 2 threads; 3 results)" in measured(results)
    assert measured([]) == ""
