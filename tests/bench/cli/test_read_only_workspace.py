"""A workspace that cannot be written to: what only reads works, the rest says in one sentence what it cannot write."""

import errno
import os

import pytest


@pytest.fixture
def read_only(monkeypatch, workspace, store_result):
    """The workspace holds one result and refuses every new file and folder, also to root."""
    result = store_result(workspace.results)
    make_folder, open_file = os.mkdir, os.open

    def refuse(path):
        if str(path).startswith(str(workspace.root)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def mkdir(path, *arguments, **options):
        refuse(path) if not os.path.isdir(path) else None
        return make_folder(path, *arguments, **options)

    def opened(path, flags, *arguments, **options):
        refuse(path) if flags & os.O_CREAT else None
        return open_file(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "open", opened)
    return result


def test_commands_that_only_read_work(bench, read_only, tmp_path):
    assert bench("runs", "show", read_only.key).code == 0
    assert bench("artifacts", "list").code == 0
    assert bench("artifacts", "verify").code == 0
    assert bench("artifacts", "prune", "--kind", "result").code == 0
    run = ("run", "--method", "simple-statistics", "--task", "ptbxl-super", "--mode", "linear", "--no-track")
    done = bench(*run, "--cached-only")
    assert done.code == 0 and "without a result yet: 1 cell" in done.err
    assert bench("leaderboard", "render", "ptbxl_super", "--output", str(tmp_path / "out")).code == 0
    assert (tmp_path / "out" / "ptbxl_super.md").is_file()


@pytest.mark.parametrize(
    "command",
    ["leaderboard render ptbxl_super", "leaderboard export ptbxl_super", "artifacts prune --kind result --yes"],
)
def test_commands_that_write_name_what_they_cannot_write(bench, read_only, workspace, command):
    done = bench(*command.split())
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert str(workspace.root) in done.err
    assert "Read-only file system" in done.err
    assert "name another folder" in done.err
    assert read_only.folder.is_dir()
