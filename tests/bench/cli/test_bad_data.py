"""Real files that are not as they should be: exit 2, the place, the fix, and nothing half-written."""

import re
import shutil

import pytest


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Sixty recordings in the publisher's format."""
    from bench import registry

    root = tmp_path_factory.mktemp("publisher") / "ptbxl"
    registry.load(registry.DATASETS, "ptbxl").simulate(root, 60, 1)
    return root


@pytest.fixture
def root(pristine, tmp_path):
    """A copy to damage."""
    shutil.copytree(pristine, tmp_path / "ptbxl")
    return tmp_path / "ptbxl"


def a_header(root):
    return sorted(root.rglob("*_hr.hea"))[7]


def missing_dat(root):
    a_header(root).with_suffix(".dat").unlink()
    return a_header(root).stem


def truncated_dat(root):
    path = a_header(root).with_suffix(".dat")
    path.write_bytes(path.read_bytes()[:1000])
    return path.name


def eleven_leads(root):
    path = a_header(root)
    lines = path.read_text().splitlines()
    lines[0] = lines[0].replace(" 12 ", " 11 ", 1)
    path.write_text("\n".join(line for line in lines if not line.endswith(" V6")) + "\n")
    data = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(b"".join(data[i : i + 22] for i in range(0, len(data), 24)))
    return "V6 missing"


def csv_without_folds(root):
    path = root / "ptbxl_database.csv"
    path.write_text(path.read_text().replace("strat_fold", "fold", 1))
    return "strat_fold"


def csv_missing(root):
    (root / "scp_statements.csv").unlink()
    return "scp_statements.csv"


def an_id_twice(root):
    path = root / "ptbxl_database.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    return lines[-1].split(",")[0]


def a_path_that_escapes(root):
    path = root / "ptbxl_database.csv"
    path.write_text(re.sub(r"records500/00000/(\d+)_hr", r"../../../etc/\1", path.read_text(), count=1))
    return "ptbxl_database.csv"


@pytest.mark.parametrize(
    "damage",
    [missing_dat, truncated_dat, eleven_leads, csv_without_folds, csv_missing, an_id_twice, a_path_that_escapes],
    ids=lambda f: f.__name__,
)
def test_damaged_files_are_refused_with_their_place(bench, root, workspace, damage):
    place = damage(root)
    before = sorted(p.name for p in (workspace.root / "stores").iterdir())
    done = bench(
        "run",
        "-m",
        "random-vit",
        "-t",
        "ptbxl-super",
        "--mode",
        "zeroshot",
        "--data-root",
        f"ptbxl={root}",
        "--no-track",
    )
    assert done.code == 2, done.err
    assert place in done.err.replace("\n", " ")
    assert "Traceback" not in done.err
    assert [
        p.name for p in (workspace.root / "stores").iterdir() if p.name not in before and not p.name.startswith(".")
    ] == []
    assert not workspace.results.exists()


def test_a_bad_record_can_be_skipped_and_is_counted(bench, root):
    name = missing_dat(root)
    done = bench("data", "prepare", "ptbxl", "--data-root", f"ptbxl={root}", "--on-bad-record", "skip")
    assert done.code == 0, done.err
    assert "59 recordings" in done.out
    assert "skipped: 1" in done.out
    assert "1 of 60 recordings left out" in done.err
    assert f"{name}.dat is missing" in " ".join(done.err.split())
    verified = bench("data", "verify", "ptbxl", "--data-root", f"ptbxl={root}")
    assert verified.code == 1
    assert name in verified.err


def test_shuffled_leads_are_put_in_order_by_name(bench, root, pristine, workspace):
    import numpy as np

    from bench.signals.wfdb_files import read_recording

    path = a_header(root)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *reversed(lines[1:13]), *lines[13:]]) + "\n")
    samples = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(-1, 12)
    np.ascontiguousarray(samples[:, ::-1]).tofile(path.with_suffix(".dat"))
    original = read_recording(pristine / path.relative_to(root).with_suffix(""))
    assert np.array_equal(read_recording(path.with_suffix("")).signal, original.signal)


def test_a_run_lists_what_it_skipped_and_its_result_counts_it(bench, root):
    import json

    name = missing_dat(root)
    skip = ["--data-root", f"ptbxl={root}", "--on-bad-record", "skip", "--no-track"]
    run = ["run", "-m", "random-resnet", "-t", "ptbxl-super", "--mode", "zeroshot", "--profile", "smoke", *skip]
    done = bench(*run)
    assert done.code == 0, done.err
    assert f"{name}.dat is missing" in " ".join(done.err.split())
    assert "1 recording of ptbxl: unreadable and left out" in " ".join(done.out.split())
    (result,) = json.loads(bench(*run, "--json").out)
    assert result["dataset"]["n_skipped"] == 1
    assert result["split"]["complete"] is False
