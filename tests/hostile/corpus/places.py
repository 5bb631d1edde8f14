"""Folders and files that options and the environment name: workspaces, outputs, new packages, textbooks, journals."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..case import Case, Sandbox

LONG = "x" * 300


def command(*arguments: str, before: Callable[[Sandbox], object] = lambda box: None, **environment: str):
    def make(box: Sandbox) -> Sequence[str]:
        box.environment |= environment
        before(box)
        return arguments

    return make


def prepare(workspace: str, before: Callable[[Sandbox], object] = lambda box: None):
    def make(box: Sandbox) -> Sequence[str]:
        box.copy(box.shared.csn, "csn")
        before(box)
        return ("data", "prepare", "csn", "--data-root", "csn=csn", "--workers", "1", "--workspace", workspace)

    return make


def file(name: str, content: str | bytes = "mine"):
    return lambda box: box.write(name, content)


def loop(box: Sandbox) -> None:
    (box.folder / "loop").symlink_to("loop")


def pipe(box: Sandbox) -> None:
    os.mkfifo(box.folder / "pipe.csv")


def damaged_database(box: Sandbox) -> None:
    box.fill_workspace(box.shared.results)
    (box.workspace / "mlflow.db").write_bytes(b"SQLite format 3\0" + bytes(5000))


WORKSPACES: dict[str, tuple[str, Callable[[Sandbox], object]]] = {
    "file": ("notes.txt", file("notes.txt")),
    "below-a-file": ("notes.txt/deep", file("notes.txt")),
    "long": (LONG, lambda box: None),
    "device": ("/dev/null", lambda box: None),
    "proc": ("/proc/self/nowhere", lambda box: None),
    "loop": ("loop", loop),
    "user": ("~nosuchuser/w", lambda box: None),
    "blank": ("  ", lambda box: None),
}
NAMES = (
    "../up",
    "/absolute",
    "a b",
    "A",
    "1a",
    "a--b",
    "a-",
    "",
    "class",
    "kmerl",
    "é",
    "a\nb",
    "numpy",
    LONG + "!",
    "a;b",
    "$(id)",
)
URIS = {
    "scheme": "nosuch://host/a", "port": "http://127.0.0.1:99999", "text": "not a uri", "python": "python:os",
    "closed": "http://127.0.0.1:9", "sqlite-folder": "sqlite:////", "bad-host": "http://[::1",
}  # fmt: skip

LOOP = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF"
)

CASES = [
    *(
        Case(f"workspace-{name}", prepare(path, before), words=("workspace",))
        for name, (path, before) in WORKSPACES.items()
    ),
    *(
        Case(f"new-{kind}-{k}", command("new", kind, "--", name), words=("empty",) if name == "" else ())
        for kind in ("method", "task", "dataset")
        for k, name in enumerate(NAMES)
        if (kind, name) not in (("task", "kmerl"), ("dataset", "kmerl"))
    ),
    Case(
        "new-into-a-folder", command("new", "method", "mine", "--into", "own", before=file("own/a.txt")), words=("own",)
    ),
    Case("new-into-a-file", command("new", "method", "mine", "--into", "own", before=file("own")), words=("own",)),
    Case("new-below-a-file", command("new", "method", "mine", "--into", "own/a", before=file("own")), words=("own",)),
    Case("new-into-long", command("new", "method", "mine", "--into", LONG), words=(LONG,)),
    Case("init-twice", command("init", before=file("bench.toml", "")), words=("bench.toml",)),
    Case("init-in-a-file", command("init", "own", before=file("own")), words=("own",)),
    Case(
        "simulate-over",
        command("data", "simulate", "csn", "own", "--records", "50", before=file("own/a.txt")),
        words=("own",),
    ),
    Case(
        "simulate-below-a-file",
        command("data", "simulate", "csn", "own/a", "--records", "50", before=file("own")),
        words=("own",),
    ),
    Case("simulate-few", command("data", "simulate", "csn", "own", "--records", "0"), words=("--records",)),
    Case(
        "simulate-seed", command("data", "simulate", "csn", "own", "--records", "50", "--seed", "-1"), words=("seed",)
    ),
    Case("simulate-unknown", command("data", "simulate", "cns", "own"), words=("csn",)),
    Case("ingest-absent", command("text", "ingest", "nowhere.pdf"), words=("nowhere.pdf",)),
    Case("ingest-folder", command("text", "ingest", "."), words=("text",)),
    *(
        Case(
            f"ingest-{name}",
            command("text", "ingest", f"book.{suffix}", before=file(f"book.{suffix}", content)),
            words=("book",),
        )
        for name, (suffix, content) in {
            "empty-pdf": ("pdf", b""),
            "no-pdf": ("pdf", b"<!DOCTYPE html>"),
            "cut-pdf": ("pdf", b"%PDF-1.7\n1 0 obj\n<<"),
            "loop-pdf": ("pdf", LOOP),
            "empty-text": ("txt", b""),
            "blank-text": ("txt", b" \n\n"),
            "binary": ("txt", bytes(range(256))),
            "other-kind": ("docx", b"PK\3\4" + bytes(99)),
        }.items()
    ),
    Case("retrieve-nothing", command("text", "retrieve", "atrial fibrillation"), words=("textbook",)),
    Case("splits-absent", command("splits", "import", "merl", "nowhere"), words=("nowhere",)),
    Case("splits-empty", command("splits", "import", "merl", ".", before=file("a/b.txt")), words=(".",)),
    Case(
        "splits-no-table",
        command("splits", "import", "merl", ".", before=file("ptbxl_super_class_train.csv", bytes(99))),
        words=("ptbxl_super_class_train.csv",),
    ),
    Case("splits-unknown", command("splits", "import", "merrl", "."), words=("merl",)),
    *(
        Case(
            f"tracking-{name}",
            command("tracking", "pull", "--uri", uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"),
            words=("MLFLOW_TRACKING_URI",) if name == "bad-host" else (uri[:12],),
        )
        for name, uri in URIS.items()
    ),
    Case("tracking-damaged", command("tracking", "push", before=damaged_database), words=("mlflow.db",)),
    Case("cards-absent", command("leaderboard", "render", "ptbxl_super", "--cards", "nowhere"), words=("nowhere",)),
    Case(
        "cards-a-file",
        command("leaderboard", "render", "ptbxl_super", "--cards", "own", before=file("own")),
        words=("own",),
    ),
    Case("board-unknown", command("leaderboard", "render", "../ptbxl_super"), words=("board",)),
    Case("board-nul", command("leaderboard", "render", "ptbxl_super.yaml"), words=("board",)),
    Case("format-unknown", command("leaderboard", "render", "ptbxl_super", "--format", "exe"), words=("exe",)),
    Case(
        "output-a-file",
        command(
            "leaderboard",
            "render",
            "ptbxl_super",
            "--output",
            "own",
            before=lambda box: (box.fill_workspace(box.shared.results), file("own")(box)),
        ),
        words=("own",),
    ),
    Case(
        "freeze-a-file",
        command(
            "leaderboard",
            "freeze",
            "own",
            "--board",
            "ptbxl_super",
            before=lambda box: (box.fill_workspace(box.shared.results), file("own")(box)),
        ),
        words=("own",),
    ),
    Case(
        "export-a-file",
        command(
            "leaderboard",
            "export",
            "ptbxl_super",
            "--output",
            "own",
            before=lambda box: (box.fill_workspace(box.shared.results), file("own")(box)),
        ),
        words=("own",),
    ),
    Case("data-pipe", command("data", "status", "--data-root", "pipe.csv", before=pipe), words=("pipe.csv",)),
    Case(
        "mirror-file",
        command("data", "download", "csn", "--mirror", "file:///etc/", "--to", "ecg"),
        words=("file:///etc/",),
    ),
    Case("mirror-text", command("data", "download", "csn", "--mirror", "nowhere", "--to", "ecg"), words=("nowhere",)),
    Case(
        "mirror-ftp", command("data", "download", "csn", "--mirror", "ftp://127.0.0.1/", "--to", "ecg"), words=("ftp",)
    ),
    Case(
        "artifacts-scheme",
        command("run", "-m", "kmerl", "-t", "ptbxl-super", "--mode", "linear", "--artifacts", "nosuch://a"),
        words=("nosuch",),
    ),
    Case("prune-nothing", command("artifacts", "prune"), words=("--kind",)),
    Case("prune-kind", command("artifacts", "prune", "--kind", "all"), words=("--kind",)),
    Case("prune-age", command("artifacts", "prune", "--older-than", "nan"), words=("--older-than",)),
    Case("show-key", command("artifacts", "show", "../x"), words=("../x",)),
]
