"""bench.toml: found from below, refused where it is wrong, and beaten by the environment, which options beat."""

import pytest

from bench.data.source import DataSource
from bench.errors import ConfigError, UnknownName
from bench.project_file import project
from bench.storage.workspace import Workspace


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write bench.toml and stand in a folder below it."""
    (tmp_path / "analysis").mkdir()
    monkeypatch.chdir(tmp_path / "analysis")

    def write(text: str):
        (tmp_path / "bench.toml").write_text(text)
        return tmp_path

    return write


def test_option_before_environment_before_file(write, monkeypatch):
    place = write('workspace = "made"\ntracking_uri = "http://there:5000"\n')
    assert Workspace.at().root == place / "made"
    assert Workspace.at().tracking_uri == "http://there:5000"
    monkeypatch.setenv("BENCH_WORKSPACE", str(place / "environment"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment:5000")
    assert Workspace.at().root == place / "environment"
    assert Workspace.at().tracking_uri == "http://environment:5000"
    assert Workspace.at(place / "option").root == place / "option"
    monkeypatch.delenv("BENCH_WORKSPACE")
    monkeypatch.setenv("BENCH_TOML", "")
    assert Workspace.at().root.name == "bench-workspace"


def test_data_of_the_file_serve_until_data_are_named(write, monkeypatch):
    place = write('simulated_records = 60\n[data]\nroot = "ecg"\nptbxl = "px"\n')
    for folder in ("ecg/cpsc2018", "px", "other/ptbxl"):
        (place / folder).mkdir(parents=True)
    source = DataSource.from_options(Workspace.at())
    assert (source.kind, source.base, source.roots, source.simulated_records) == (
        "real",
        place / "ecg",
        {"ptbxl": place / "px"},
        60,
    )
    one = DataSource.from_options(Workspace.at(), [f"ptbxl={place / 'other/ptbxl'}"])
    assert one.roots == {"ptbxl": place / "other/ptbxl"}
    assert one.base == place / "ecg"
    monkeypatch.setenv("BENCH_DATA", str(place / "other"))
    source = DataSource.from_options(Workspace.at())
    assert (source.base, source.roots) == (place / "other", {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('workspaze = "x"', "unknown key of .*bench.toml 'workspaze'. Did you mean 'workspace'"),
        ("jobs = 0", "jobs = 0; expected 1 or more"),
        ("jobs = true", "jobs = True; expected a whole number"),
        ('profile = "fast"', "profile = 'fast'; expected paper, small or smoke"),
        ("data = 3", r"data = 3; expected a table, \[data\]"),
        ("[data]\nptbxl = 3", "data.ptbxl = 3; expected a folder"),
        ("workspace = ", "cannot be read as TOML"),
        ("jobs = " + "[" * 5000, "bench.toml cannot be read as TOML: values are nested too deeply"),
        ("jobs = " + "9" * 5000, "cannot be read as TOML"),
        ("jobs = 99999999999", "at most 10,000"),
        ("jobs = nan", "jobs = nan; expected a whole number"),
        ("simulated_records = 49", "expected 50 or more"),
        ('workspace = ""', "workspace is empty"),
        ('artifacts = " "', "artifacts is empty"),
        ('[data]\nptbxl = ""', "data.ptbxl: the path is empty"),
        ('[data]\nroot = ["a"]', r"data.root = \['a'\]; expected a folder"),
        ('workspace = "' + "a" * 5000 + '"', "workspace: a.*not a path that can be looked up"),
        ("jobs = 1\njobs = 2", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_told_with_the_place(write, text, words):
    write(text)
    with pytest.raises(ConfigError, match=words):
        project()


def test_a_byte_order_mark_is_accepted_and_latin_1_is_not(write):
    place = write("")
    (place / "bench.toml").write_bytes(b"\xef\xbb\xbfjobs = 3\n")
    assert project().jobs == 3
    (place / "bench.toml").write_bytes('workspace = "Universit\u00e4t"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"bench\.toml cannot be read as TOML: byte 22 is not UTF-8; expected"):
        project()


def test_a_dataset_nobody_knows_and_a_folder_that_is_not_there(write):
    write('[data]\nptbx = "x"')
    with pytest.raises(UnknownName, match="unknown dataset in .*bench.toml 'ptbx'. Did you mean 'ptbxl'"):
        DataSource.from_options(Workspace.at())
    write('[data]\nptbxl = "not-there"')
    with pytest.raises(ConfigError, match="data.ptbxl names .*not-there, which does not exist"):
        DataSource.from_options(Workspace.at())


def test_the_search_ends_at_the_repository(write, tmp_path):
    write('workspace = "above"')
    (tmp_path / "analysis" / ".git").mkdir()
    assert project().path is None
