"""Signal files of CSN (MATLAB 4 files read as WFDB format 16+24) and what may lie in their place."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import numpy as np

from ..case import Case, Sandbox
from .headers import FIRST, SKIP, prepare

KEEP = ("--on-bad-record", "keep")
MAT = f"csn/{FIRST}.mat"
HEAD = struct.pack("<5i4s", 30, 12, 5000, 0, 4, b"val\0")


def signal(change: Callable[[Sandbox], object], *options: str):
    """The signal file of the first recording, changed."""

    def make(box: Sandbox) -> list[str]:
        box.copy(box.shared.csn, "csn")
        change(box)
        return prepare(box, *options)

    return make


def content(change: Callable[[bytes], bytes]):
    return lambda box: box.write(MAT, change((box.folder / MAT).read_bytes()))


def samples(values: np.ndarray):
    """These samples, [time, lead], with a header whose checksums fit."""

    def change(box: Sandbox) -> None:
        box.write(MAT, HEAD + values.astype("<i2").tobytes())
        sums = (values.astype(np.int64).sum(axis=0) + 32768) % 65536 - 32768

        def header(text: str) -> str:
            lines = text.split("\n")
            for k in range(12):
                fields = lines[1 + k].split(" ")
                fields[5], fields[6] = str(values[0, k]), str(sums[k])
                lines[1 + k] = " ".join(fields)
            return "\n".join(lines)

        box.edit(f"csn/{FIRST}.hea", header)

    return change


def instead(make: Callable[[Sandbox], object]):
    """Something else under the name of the signal file."""

    def change(box: Sandbox) -> None:
        (box.folder / MAT).unlink()
        make(box)

    return change


def one_lead(values: np.ndarray, lead: int = 3) -> np.ndarray:
    noise = np.random.default_rng(1).integers(-300, 300, (5000, 12))
    noise[:, lead] = values
    return noise


BROKEN: dict[str, Callable[[Sandbox], object]] = {
    "absent": instead(lambda box: None),
    "empty": content(lambda old: b""),
    "head-alone": content(lambda old: old[:24]),
    "head-cut": content(lambda old: old[:10]),
    "truncated": content(lambda old: old[:50_000]),
    "one-byte-short": content(lambda old: old[:-1]),
    "one-bit-flipped": content(lambda old: old[:60_000] + bytes([old[60_000] ^ 4]) + old[60_001:]),
    "matlab-5": content(lambda old: b"MATLAB 5.0 MAT-file".ljust(128) + old),
    "html": content(lambda old: b"<!DOCTYPE html><title>404</title>".ljust(len(old))),
    "gzip": content(lambda old: b"\x1f\x8b\x08".ljust(len(old), b"\0")),
    "git-lfs": content(lambda old: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 120024\n"),
    "big-endian": content(lambda old: old[:24] + np.frombuffer(old[24:], "<i2").astype(">i2").tobytes()),
    "directory": instead(lambda box: (box.folder / MAT).mkdir()),
    "dangling-link": instead(lambda box: (box.folder / MAT).symlink_to("nowhere.mat")),
    "link-loop": instead(lambda box: (box.folder / MAT).symlink_to(f"{FIRST}.mat")),
    "device": instead(lambda box: (box.folder / MAT).symlink_to("/dev/zero")),
    "all-zero": samples(np.zeros((5000, 12), np.int64)),
    "all-invalid": samples(np.full((5000, 12), -32768)),
    "saturated": samples(np.full((5000, 12), 32767)),
}
ODD: dict[str, tuple[Callable[[Sandbox], object], str]] = {
    "flat-lead": (samples(one_lead(np.zeros(5000))), "3 recordings"),
    "invalid-samples": (samples(one_lead(np.r_[np.full(100, -32768), np.arange(4900) % 50])), "3 recordings"),
    "longer-than-promised": (content(lambda old: old + bytes(24)), "3 recordings"),
    "linked": (instead(lambda box: os.link(box.shared.csn / f"{FIRST}.mat", box.folder / MAT)), "3 recordings"),
    "soft-link": (instead(lambda box: (box.folder / MAT).symlink_to(box.shared.csn / f"{FIRST}.mat")), "3 recordings"),
}

CASES = [
    *(Case(name, signal(change), words=(FIRST,)) for name, change in BROKEN.items()),
    *(
        Case(f"skip-{name}", signal(change, *SKIP), exit=0, words=(FIRST, "2 recordings"))
        for name, change in BROKEN.items()
    ),
    *(Case(name, signal(change), exit=0, words=(word,)) for name, (change, word) in ODD.items()),
    *(
        Case(f"keep-{name}", signal(BROKEN[name], *KEEP), exit=0, words=("3 recordings", "doubtful: 1", "dead: 1"))
        for name in ("all-zero", "all-invalid", "saturated")
    ),
    Case("keep-truncated", signal(BROKEN["truncated"], *KEEP), words=(f"{FIRST}.mat is truncated",)),
    Case(
        "renamed",
        signal(instead(lambda box: box.copy(box.shared.csn / f"{FIRST}.mat", "csn/S00001.mat")), *SKIP),
        exit=0,
        words=(f"{FIRST}.mat is missing", "1 signal file", "S00001.mat"),
    ),
]
