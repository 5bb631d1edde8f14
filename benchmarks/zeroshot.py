"""Zero-shot scores after the features: 2,158 recordings on 131 prompts, one matrix product against loops.

    python benchmarks/zeroshot.py [--records 2158] [--prompts 131] [--dim 256]

Both sides start from embeddings of recordings and prompts and end with cosines, [recording, prompt], which must agree to
1e-5. Theirs goes once recording by recording and once class by class (a product with a vector each). What bounds it:
arithmetic; ``bound`` is the product alone, without the two normalisations.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import torch
from torch.nn.functional import normalize


def scores(ecg: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """As the methods' ``zero_shot`` score: one product."""
    return normalize(ecg, dim=1) @ normalize(text, dim=1).T


def record_by_record(ecg: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return torch.stack([normalize(text, dim=1) @ normalize(e, dim=0) for e in ecg])


def class_by_class(ecg: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return torch.stack([normalize(ecg, dim=1) @ normalize(t, dim=0) for t in text], dim=1)


def seconds(function: Callable[[], object], repeats: int) -> float:
    function()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2158)
    parser.add_argument("--prompts", type=int, default=131)
    parser.add_argument("--dim", type=int, default=256)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    ecg, text = torch.randn(arguments.records, arguments.dim), torch.randn(arguments.prompts, arguments.dim)
    torch.set_num_threads(1)
    for loop in (record_by_record, class_by_class):
        torch.testing.assert_close(scores(ecg, text), loop(ecg, text), atol=1e-5, rtol=0)
    ours = seconds(lambda: scores(ecg, text), 20)
    bound = seconds(lambda: ecg @ text.T, 20)
    print(f"one thread, load {os.getloadavg()[0]:.1f}; {len(ecg)} recordings, {len(text)} prompts")
    print(f"ours {1e3 * ours:.2f} ms, {ours / bound:.1f} times the bound")
    for name, loop in (("recording by recording", record_by_record), ("class by class", class_by_class)):
        slow = seconds(lambda loop=loop: loop(ecg, text), 3)
        print(f"{name} {1e3 * slow:.1f} ms: ratio {slow / ours:.0f}")


if __name__ == "__main__":
    main()
