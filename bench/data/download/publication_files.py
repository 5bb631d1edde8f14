"""All files of a publication: which exist already, which are missing, and the connections that fetch them."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.data.download.archive_list import Listed, read_archive_list
from bench.data.download.one_file import NotPublished, Remote, Stopped, digest_like, fetch
from bench.data.download.sums import KEPT_ASIDE, chosen, included, read_sums
from bench.data.download.unpack import SPARE, unpack, whole_archive
from bench.dataset import Publication
from bench.errors import DataError
from bench.progress import Progress, byte_size
from bench.redaction import redact
from bench.storage.artifacts import locked

if TYPE_CHECKING:
    import requests

CONNECTIONS = 4
"""At once, unless the user says otherwise: PhysioNet asks robots to be modest."""
SAMPLED = 8
"""Files of one kind whose size is asked for, to tell how much is to come; lists of checksums hold no sizes."""
UNPACKED = "unpacked "
MANY_PROBLEMS = 20


@dataclass(frozen=True)
class Downloaded:
    """What a download came to: files in all, of which fetched now, and the bytes of these."""

    files: int
    fetched: int
    bytes: int


def download(
    publication: Publication,
    root: Path,
    *,
    only: Sequence[str] = (),
    connections: int = CONNECTIONS,
    progress: Progress = lambda done, total, note="": None,
    say: Callable[[str], None] = lambda message: None,
    dry_run: bool = False,
) -> Downloaded:
    """Fetch what is missing of a publication, verified file by file.

    Files that are here and right are not fetched again; one that is here and wrong is replaced. A file lies in
    ``root/.download`` until it is whole.

    Args:
        root: the folder that will hold the publisher's files.
        only: patterns of paths; all files without one.
        dry_run: only tell how much there is.

    Raises:
        DataError: with every file that the publisher does not have as promised; or why nothing can go on.
    """
    from filelock import Timeout

    aside = root / KEPT_ASIDE
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(aside / "lock", timeout=0))
        except Timeout:
            raise DataError(f"{root}: another download uses this folder; wait for it, or stop it.") from None
        work = _Download(publication, root, aside, connections, progress, say)
        held.callback(work.journal.close)
        return work.run(only, dry_run)


class _Download:
    def __init__(
        self,
        publication: Publication,
        root: Path,
        aside: Path,
        connections: int,
        progress: Progress,
        say: Callable[[str], None],
    ):
        self.publication, self.root, self.aside = publication, root, aside
        self.connections, self.progress, self.say = connections, progress, say
        self.journal = _Journal(aside / "verified.txt")
        self.stopped = threading.Event()
        self._sessions = threading.local()
        self._lock = threading.Lock()
        self.bytes = self.files = self.total = self.n_missing = 0

    def run(self, only: Sequence[str], dry_run: bool) -> Downloaded:
        publication = self.publication
        for left in self.aside.glob("*.part"):  # of a download that was killed
            left.unlink()
        sums = chosen(self._listed(), only)
        todo = [path for path, file in sums.items() if not self.journal.holds(self.root / path, path, file.digest)]
        todo = [path for path in todo if not self._unpacked(path, sums[path].digest)]
        missing = [path for path in todo if not (self.root / path).is_file()]
        self.n_missing = len(missing)
        self.total = self._bytes_to_come(missing, sums)
        known = f", {'about ' if len(missing) > SAMPLED else ''}{byte_size(self.total)}" if self.total else ""
        self.say(
            f"{publication.title} {publication.version}: {len(sums):,} files, {len(sums) - len(missing):,} of them here, "
            f"{len(missing):,} to fetch{known}"
        )
        if dry_run:
            return Downloaded(len(sums), 0, 0)
        self._check_room()
        problems = self._fetch_all(todo, sums)
        if problems:
            shown = "\n  ".join(problems[:MANY_PROBLEMS])
            raise DataError(
                f"{len(problems):,}{' or more' if len(problems) > MANY_PROBLEMS else ''} of {len(sums):,} files of "
                f"{publication.title} could not be downloaded:\n  {shown}\nAll other files are kept. Run the command again; "
                f"if the message repeats, inform the publisher."
            )
        self._unpack(sums)
        if not publication.archive_records:
            shutil.copyfile(self._list_file(publication.sums), self.aside / "sums.part")
            os.replace(self.aside / "sums.part", self.root / publication.sums)
        return Downloaded(len(sums), self.files, self.bytes)

    @property
    def http(self) -> requests.Session:
        """The connection of this thread, kept open between files."""
        import requests

        if not hasattr(self._sessions, "http"):
            self._sessions.http = requests.Session()
            self._sessions.http.headers["User-Agent"] = "ecg-bench (bench data download)"
        return self._sessions.http

    def _listed(self) -> dict[str, Listed]:
        """The files of the publication, by its lists."""
        publication = self.publication
        if not publication.archive_records:
            return read_sums(self._fetch_list(publication.sums), publication, self.root)
        listed: dict[str, Listed] = {}
        for number in publication.archive_records:
            listed |= read_archive_list(self._fetch_list(number), publication.url + number, self.root)
        files = {path: file for path, file in listed.items() if included(path, publication)}
        if not files:
            raise DataError(
                f"{redact(publication.url)}{publication.archive_records[0]} lists none of the files of {publication.title}: "
                f"expected {', '.join(publication.include)}; the list has {', '.join(listed)}."
            )
        return files

    def _fetch_list(self, name: str) -> Path:
        final = self._list_file(name)
        remote = Remote(self.publication.url + name, None, final.with_suffix(".part"), final)
        fetch(remote, self.http, stopped=self.stopped)
        return final

    def _list_file(self, name: str) -> Path:
        return self.aside / name.replace("/", "_")

    def _remote(self, path: str, file: Listed) -> Remote:
        """Files of an archive are large: what arrived of them is kept."""
        continues = bool(self.publication.archive_records)
        part = f"{path.replace('/', '_')}.partial" if continues else f"{threading.get_ident()}.part"
        return Remote(file.url, file.digest, self.aside / part, self.root / path, continues)

    # -- archives -----------------------------------------------------------------------------------------------------

    def _is_archive(self, path: str) -> bool:
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.publication.unpack)

    def _unpacked(self, path: str, digest: str) -> bool:
        """Whether an archive was unpacked and then removed by the user, who needs it no longer."""
        return not (self.root / path).exists() and self.journal.noted(f"{UNPACKED}{path}", digest)

    def _unpack(self, sums: dict[str, Listed]) -> None:
        for path in filter(self._is_archive, sums):
            archive = self.root / path
            if not archive.exists():
                continue
            self.say(f"unpacking {path}")
            unpack(archive, self.aside)
            for part in sums:
                if whole_archive(part) == path:
                    self.journal.note(f"{UNPACKED}{part}", sums[part].digest)

    # -- how much there is --------------------------------------------------------------------------------------------

    def _bytes_to_come(self, missing: list[str], sums: dict[str, Listed]) -> int:
        """Estimated from a few files of each kind (folder at the top, ending); 0 if the server does not tell sizes."""
        kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path in missing:
            kinds[path.split("/")[0] if "/" in path else "", PurePosixPath(path).suffix].append(path)
        sampled = {kind: paths[:: max(1, len(paths) // SAMPLED)][:SAMPLED] for kind, paths in kinds.items()}
        with ThreadPoolExecutor(self.connections) as pool:
            sizes = dict(
                zip(
                    (path for some in sampled.values() for path in some),
                    pool.map(lambda path: self._size(sums[path]), (p for some in sampled.values() for p in some)),
                    strict=True,
                )
            )
        total = 0.0
        for kind, paths in kinds.items():
            known = [size for path in sampled[kind] if (size := sizes[path]) is not None]
            if not known:
                return 0
            total += sum(known) / len(known) * len(paths)
        return round(total)

    def _size(self, file: Listed) -> int | None:
        import requests

        if file.size is not None:
            return file.size
        try:
            answer = self.http.head(
                file.url,
                headers={"Accept-Encoding": "identity"},
                timeout=15,
                allow_redirects=True,
            )
        except requests.RequestException:
            return None  # fetching it will tell what is wrong
        length = answer.headers.get("Content-Length", "")
        return int(length) if answer.ok and length.isdigit() else None

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.root).free
        if self.total + SPARE > free:
            raise DataError(
                f"{self.root}: {byte_size(self.total)} are to come and {byte_size(free)} are free. Free some space, name "
                f"another disk, or choose some of the files with --only. Nothing was fetched."
            )

    # -- fetching -----------------------------------------------------------------------------------------------------

    def _fetch_all(self, todo: list[str], sums: dict[str, Listed]) -> list[str]:
        problems: list[str] = []
        waiting: set[Future] = set()
        pool = ThreadPoolExecutor(self.connections)
        try:
            for path in todo:
                if len(waiting) >= 4 * self.connections:
                    waiting = self._settle(waiting, problems)
                if len(problems) > MANY_PROBLEMS:
                    break
                waiting.add(pool.submit(self._one, path, sums[path]))
            while waiting:
                waiting = self._settle(waiting, problems)
        finally:  # also after Ctrl-C: each connection ends at its next piece
            self.stopped.set()
            pool.shutdown(cancel_futures=True)
        return problems

    def _settle(self, waiting: set[Future], problems: list[str]) -> set[Future]:
        done, rest = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                future.result()
            except NotPublished as error:
                problems.append(str(error))
            except Stopped:
                continue
        return rest

    def _one(self, path: str, file: Listed) -> None:
        if self.stopped.is_set():
            raise Stopped
        final = self.root / path
        if not (final.is_file() and digest_like(final, file.digest) == file.digest):
            fetch(self._remote(path, file), self.http, self._received, self.stopped)
            with self._lock:
                self.files += 1
        self.journal.add(final, path, file.digest)

    def _received(self, n: int) -> None:
        with self._lock:
            self.bytes += n
            self.total = max(self.total, self.bytes)
            self.progress(self.bytes, self.total, f"{self.files:,} of {self.n_missing:,} files")


class _Journal:
    """Which files were verified, with size and time of change, so that they need not be read again each time."""

    def __init__(self, path: Path):
        self._facts: dict[str, str] = {}
        for line in _lines(path):
            name, tab, facts = line.rstrip("\n").partition("\t")
            if tab:
                self._facts[name] = facts
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115  closed by close()

    def holds(self, file: Path, path: str, sha: str) -> bool:
        return path in self._facts and self._facts[path] == _facts(file, sha)

    def add(self, file: Path, path: str, sha: str) -> None:
        self.note(path, _facts(file, sha))

    def note(self, name: str, facts: str) -> None:
        with self._lock:
            self._facts[name] = facts
            self._file.write(f"{name}\t{facts}\n")
            self._file.flush()

    def noted(self, name: str, facts: str) -> bool:
        return self._facts.get(name) == facts

    def close(self) -> None:
        self._file.close()


def _facts(file: Path, sha: str) -> str:
    try:
        status = file.stat()
    except OSError:
        return "absent"
    return f"{sha} {status.st_size} {status.st_mtime_ns}"


def _lines(path: Path) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        yield from (line for line in file if line.endswith("\n"))


def below(publication: Publication, url: str) -> Publication:
    """The same publication at a mirror's address, which represents the version's folder."""
    return replace(publication, url=url if url.endswith("/") else url + "/")
