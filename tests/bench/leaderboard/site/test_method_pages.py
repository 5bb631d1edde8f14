"""The page of a method: paper, released weights, measured costs and boards."""

from dataclasses import replace

from bench import registry
from bench.leaderboard import boards
from bench.leaderboard.site.method_pages import measured, weights_facts, write_method_pages
from bench.leaderboard.site.pictures import Block, Drawing, Pictures, SitePictures
from bench.leaderboard.site.result_rows import result_rows
from bench.method.released import Released


def page_of(name, folder, results=(), pictures=None):
    methods = {name: registry.entries(registry.METHODS)[name]}
    write_method_pages(
        methods,
        {},
        boards(),
        {},
        ["ptbxl"],
        result_rows(results),
        results,
        folder,
        SitePictures({name: pictures} if pictures else {}),
    )
    return (folder / f"{name}.html").read_text()


def test_a_released_model_shows_paper_weights_licence_corpora_and_its_input(tmp_path):
    text = page_of("ecg-fm", tmp_path)
    assert '<a href="https://arxiv.org/abs/2408.05178">' in text
    assert '<a href="https://huggingface.co/wanglab/ecg-fm">' in text
    assert "mimic_iv_ecg_physionet_pretrained.pt (1,090 MB)" in text
    assert "<dt>Licence</dt><dd>MIT</dd>" in text
    assert 'mimic-iv-ecg, <a href="../datasets/ptbxl.html">ptbxl</a>, cpsc2018' in text
    assert "<li>Before the network: two halves of 5 s" in text
    assert "pretrain.epochs" not in text  # it is not pretrained here


def test_a_paper_has_its_title_year_and_a_link_and_many_boards_are_behind_a_disclosure(tmp_path):
    text = page_of("simclr", tmp_path)
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


def test_pictures_are_copied_next_to_the_page_and_parts_of_the_network_listed(tmp_path):
    drawing = tmp_path / "drawn.svg"
    drawing.write_text("<svg/>")
    blocks = [Block("input", 0, "", "12 × 5,000", 0), Block("encoder", 0, "ResNet", "512", 1_234_567)]
    pictures = Pictures([Drawing(drawing, "Lead II of a simulated recording")], blocks)
    text = page_of("simclr", tmp_path / "methods", pictures=pictures)
    assert '<img src="pictures/simclr-1.svg" alt="Lead II of a simulated recording"' in text
    assert (tmp_path / "methods" / "pictures" / "simclr-1.svg").read_text() == "<svg/>"
    assert "12 × 5,000" in text and "1,234,567" in text
    without = page_of("simclr", tmp_path / "methods", pictures=Pictures(missing="No picture: it needs NeuroKit2."))
    assert "No picture: it needs NeuroKit2." in without and "<img" not in without


def test_a_page_has_no_mean_of_some_folds(make_result):
    folds = [make_result("resnet1d-wang", task="cpsc2018-single", mode="scratch", fold=fold) for fold in (0, 3)]
    (row,) = result_rows(folds)
    assert (row["value"], row["missing"]) == (None, "2 of 4 folds")
    assert len(row["cells"]) == 2
