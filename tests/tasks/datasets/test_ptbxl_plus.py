"""PTB-XL+'s median beats: read from simulated files with the publisher's slips, preferred to ours, and said so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.data.source import DataSource
from bench.errors import DataError
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.signals.median_beat import median_beat
from bench.signals.windows import SignalView
from bench.storage.workspace import Workspace
from tasks.datasets.ptbxl import PTBXL
from tasks.datasets.ptbxl_plus import find_median_beats, median_beat_path, read_median_beat

N = 48
BEATS = InputSpec(fs=500, seconds=1.2, median_beat=True)
PRODUCERS_FOLDER = "ge_median_beats_wfdb/"
UNIG_SAMPLES = (450, 600)


def simulate_ptbxl_plus(ptbxl: PTBXL, destination: Path, leave_out: int = 24) -> None:
    """Write ``median_beats/12sl`` and ``median_beats/unig`` below ``destination`` for the recordings of ``ptbxl``.

    As published: microvolts under headers that say mV; a producer's folder in the headers of 12SL; UniG's beats of
    differing lengths. Every ``leave_out``-th recording has no beat of 12SL.
    """
    import wfdb

    files = ptbxl.files(ptbxl.records())
    for position, file in enumerate(files):
        recording = ptbxl.read(file)
        assert recording.gain is not None
        millivolts = np.nan_to_num(recording.signal / recording.gain[:, None])
        microvolts = median_beat(millivolts, recording.fs) * 1000
        number = int(file.record_id)
        for algorithm, digits, code in (("12sl", 5, "32"), ("unig", 6, "16")):
            if algorithm == "12sl" and position % leave_out == leave_out - 1:
                continue
            folder = destination / "median_beats" / algorithm / f"{number // 1000 * 1000:05d}"
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{number:0{digits}d}_medians"
            beat = microvolts
            if algorithm == "unig":
                samples = UNIG_SAMPLES[number % 2]
                beat = microvolts[:, (600 - samples) // 2 :][:, :samples]
            wfdb.wrsamp(
                name,
                fs=500,
                units=["mV"] * 12,
                sig_name=list(LEADS),
                p_signal=beat.T.astype(np.float64),
                fmt=[code] * 12,
                write_dir=str(folder),
            )
            if algorithm == "12sl":
                header = folder / f"{name}.hea"
                header.write_text(re.sub(rf"^(?={name})", PRODUCERS_FOLDER, header.read_text(), flags=re.MULTILINE))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with ``ptbxl`` and ``ptb-xl-plus`` next to it."""
    base = tmp_path_factory.mktemp("ecg")
    PTBXL.simulate(base / "ptbxl", N, 3)
    simulate_ptbxl_plus(PTBXL(base / "ptbxl"), base / "ptb-xl-plus")
    return base


@pytest.fixture
def copy(published, tmp_path):
    shutil.copytree(published, tmp_path / "ecg")
    return tmp_path / "ecg"


def store_of(base, workspace):
    return DataSource.from_options(Workspace(workspace), [str(base)], workers=1).store("ptbxl")


def first_record(base):
    return str(PTBXL(base / "ptbxl").records().index[0])


@pytest.mark.parametrize(("algorithm", "samples"), [("12sl", {600}), ("unig", {450, 600})])
def test_beats_are_in_millivolts_in_our_order_of_leads(published, algorithm, samples):
    dataset = PTBXL(published / "ptbxl")
    folder = published / "ptb-xl-plus" / "median_beats" / algorithm
    seen = set()
    for file in dataset.files(dataset.records())[:6]:
        beat, fs = read_median_beat(median_beat_path(folder, algorithm, file.record_id))
        recording = dataset.read(file)
        own = median_beat(np.nan_to_num(recording.signal / recording.gain[:, None]), 500.0)
        seen.add(beat.shape[1])
        start = (600 - beat.shape[1]) // 2
        np.testing.assert_allclose(beat, own[:, start : start + beat.shape[1]], atol=2e-3)
        assert fs == 500
    assert seen == samples


def test_wfdb_refuses_the_published_headers_that_we_mend(published):
    import wfdb

    path = median_beat_path(published / "ptb-xl-plus/median_beats/12sl", "12sl", first_record(published))
    with pytest.raises(Exception, match="invalid syntax"):
        wfdb.rdrecord(str(path))


@pytest.mark.parametrize("place", ["next", "inside", "merged"])
def test_beats_are_found_where_people_put_them(copy, place):
    if place != "next":
        target = copy / "ptbxl" / ("ptb-xl-plus" if place == "inside" else "")
        shutil.move(copy / "ptb-xl-plus" / "median_beats", target / "median_beats")
    algorithm, folder = find_median_beats(copy / "ptbxl")
    assert algorithm == "12sl"
    assert folder.is_dir()


def test_published_beats_are_preferred_and_ours_fill_the_gaps(published, tmp_path):
    store = store_of(published, tmp_path)
    n_without = N // 24
    assert store.manifest["median_beats_by"] == "PTB-XL+, 12sl"
    assert store.manifest["n_median_beats"] == N - n_without
    rows = np.arange(N)
    found, _ = SignalView(store, BEATS, cache=tmp_path / "cache").batch(rows)
    assert np.isfinite(found).all()
    folder = published / "ptb-xl-plus/median_beats/12sl"
    for row in (0, 5):
        beat, _ = read_median_beat(median_beat_path(folder, "12sl", str(store.records.index[row])))
        np.testing.assert_allclose(found[row], beat, atol=6e-4)  # stored in microvolts
    ours = SignalView(store, BEATS, leads=LEADS[:8]).batch(rows[23:24])[0]
    np.testing.assert_allclose(found[23, :8].mean(), ours[0, :8].mean(), atol=0.05)
    assert store.beats_used(rows, LEADS, (), True) == {"PTB-XL+, 12sl": N - n_without, "bench": n_without}
    assert store.beats_used(rows, LEADS[:2], (), True) == {"bench": N}
    assert store.beats_used(rows, LEADS, (), False) == {"bench": N}


def test_without_the_publication_ours_are_used_and_a_store_is_made_again_when_it_comes(copy, tmp_path):
    shutil.move(copy / "ptb-xl-plus", tmp_path / "elsewhere")
    before = store_of(copy, tmp_path / "workspace")
    assert before.recorder_beats(np.arange(3)) is None
    assert before.beats_used(np.arange(N), LEADS, (), True) == {"bench": N}
    shutil.move(tmp_path / "elsewhere", copy / "ptb-xl-plus")
    after = store_of(copy, tmp_path / "workspace")
    assert after.manifest["median_beats_by"] == "PTB-XL+, 12sl"
    assert after.digest != before.digest


def test_a_store_at_100_hz_has_them_at_100_hz(published, tmp_path):
    source = DataSource.from_options(Workspace(tmp_path), [str(published)], workers=1)
    assert source.store("ptbxl", rate=100).recorder_beats(np.arange(2)).shape == (2, 12, 120)


def truncated(path):
    path.with_suffix(".dat").write_bytes(path.with_suffix(".dat").read_bytes()[:1000])
    return "is truncated"


def damaged(path):
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[400] ^= 1
    path.with_suffix(".dat").write_bytes(bytes(data))
    return "checksum"


def a_lead_less(path):
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(" V6", " X"))
    return "V6 missing"


def another_folder(path):
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("ge_median_beats_wfdb/", "../../"))
    return "expected"


def no_gain(path):
    header = path.with_suffix(".hea")
    text = header.read_text().splitlines()
    header.write_text("\n".join([text[0], *(" ".join([*x.split()[:2], "0/mV", *x.split()[3:]]) for x in text[1:])]))
    return "gain of lead I"


@pytest.mark.parametrize("damage", [truncated, damaged, a_lead_less, another_folder, no_gain], ids=lambda f: f.__name__)
def test_damaged_beats_are_refused_with_place_and_cure(copy, tmp_path, damage):
    path = median_beat_path(copy / "ptb-xl-plus/median_beats/12sl", "12sl", first_record(copy))
    words = damage(path)
    with pytest.raises(DataError, match=rf"(?s)median beat.*{path.name}.*{words}.*--also ptb-xl-plus"):
        store_of(copy, tmp_path / "workspace")


BEAT_METHOD = """
import torch
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec

class Beats(Method):
    '''The median beat itself is the representation.'''
    name = "beats"
    input = InputSpec(fs=100, seconds=1.2, median_beat=True)

    class Config(MethodConfig):
        pass

    def build(self, config):
        self.scale = torch.nn.Parameter(torch.ones(1))

    def encode(self, batch):
        return batch.ecg.flatten(1) * self.scale
"""


def test_a_result_says_whose_beats_it_was_made_of(published, tmp_path, plugin):
    plugin("beats_method", BEAT_METHOD)
    source = DataSource.from_options(Workspace(tmp_path / "w"), [str(published)], workers=1)
    options = RunOptions(
        ["beats"], ["ptbxl-super"], ["linear"], leads=[LEADS, LEADS[:2]], profile="smoke",
        overrides=["linear.epochs=1"], track=False,
    )  # fmt: skip
    report = execute.run(options, source)
    assert not report.failures
    message = [r.provenance["median_beats"] for r in report.results]
    assert set(message[0]) <= {"PTB-XL+, 12sl", "bench"}
    assert message[0]["PTB-XL+, 12sl"] > message[0].get("bench", 0)
    assert set(message[1]) == {"bench"}
