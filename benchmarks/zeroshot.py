"""Zero-shot from prompts and recordings to scores: MERL's ResNet18 and a text encoder of the size of BERT-base.

    python benchmarks/zeroshot.py [--task ptbxl-super] [--records 64]

Three sides do the same in processes that do nothing else, each measured after the models were loaded. ``cold`` is a first
cell: the task's prompts are embedded and stored, the recordings encoded, one matrix product compares them. ``warm`` is a
later cell, which finds the prompts. ``as released`` follows MERL's released script: each prompt alone, padded to 256 tokens.
Scores must agree to 1e-4 of their norm. The weights are random, since speed does not depend on them. ``bound`` is the ECG
encoder alone. Numbers are processor seconds of one thread, so that they can be compared on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from bench import registry
from bench.batch import ECGBatch
from methods.merl import MERL
from methods.text.models import find_model
from methods.text.torchvision_operators import declare_missing_operators


def bert_base(folder: Path) -> None:
    """BERT-base with random weights and the packaged MiniLM's tokenizer."""
    declare_missing_operators()
    import transformers

    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(find_model("minilm").folder / file, folder / file)


def as_released(method: MERL, prompts: list[str]) -> torch.Tensor:
    """Embeddings of prompts, each in a separate pass, with the padding of MERL's script."""
    encoder = method.text.encoder
    embeddings = []
    for prompt in prompts:
        tokens = encoder.tokenizer([prompt], padding="max_length", truncation=True, max_length=256, return_tensors="pt")
        states = encoder.transformer(tokens["input_ids"], attention_mask=tokens["attention_mask"])
        embeddings.append(states.last_hidden_state[:, 0])
    return torch.cat(embeddings)


def side(name: str, folder: Path, task: str, records: int) -> None:
    """Times one side and stores its scores."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    text = {"model": str(folder / "bert"), "pooling": "cls", "max_tokens": 256}
    method = MERL(MERL.Config(text=text)).eval()
    method.use_cache(folder / "cache")
    names = list(registry.load(registry.TASKS, task).classes.values())
    ecg = torch.randn(records, 12, method.input.length)
    method.text.encoder.eval()  # it is loaded when it is first asked for: here, and not within a side's time
    marks = [time.process_time()]
    with torch.no_grad():
        prompts = method.prompts(names)
        device = torch.device("cpu")
        vectors = as_released(method, prompts) if name == "as released" else method.text.prompts(prompts, device)
        marks.append(time.process_time())
        parts = []
        for start in range(0, records, 64):
            some = ecg[start : start + 64]
            if name == "as released":
                parts.append(normalize(method.embed_ecg(some), dim=1) @ normalize(method.embed_text(vectors), dim=1).T)
            else:
                batch = ECGBatch(some, torch.ones(len(some), 12, dtype=torch.bool), torch.arange(len(some)))
                parts.append(method.zero_shot(batch, names))
        marks.append(time.process_time())
        method.embed_ecg(ecg[:64])
        marks.append(time.process_time())
    np.savez(folder / f"{name}.npz", scores=torch.cat(parts).numpy(), seconds=np.diff(marks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="ptbxl-super")
    parser.add_argument("--records", type=int, default=64)
    parser.add_argument("--side", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        side(arguments.side[0], Path(arguments.side[1]), arguments.task, arguments.records)
        return
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        bert_base(Path(temporary) / "bert")
        for name in ("cold", "warm", "as released"):
            options = ["--task", arguments.task, "--records", str(arguments.records), "--side", name, temporary]
            subprocess.run([sys.executable, __file__, *options], check=True)
            with np.load(Path(temporary) / f"{name}.npz") as stored:
                results[name] = (stored["scores"], stored["seconds"])
    reference, (theirs, _, _) = results["as released"][0], results["as released"][1]
    print(f"one thread, load {os.getloadavg()[0]:.1f}; {len(reference)} recordings, {reference.shape[1]} prompts")
    for name, (scores, (prompts, recordings, bound)) in results.items():
        np.testing.assert_array_less(np.linalg.norm(scores - reference), 1e-4 * np.linalg.norm(reference))
        total, other = prompts + recordings, results["as released"][1][:2].sum()
        print(
            f"{name}: prompts {prompts:.2f} s (ratio {theirs / prompts:.0f}), recordings {recordings:.2f} s "
            f"({recordings / (bound * len(reference) / min(64, len(reference))):.2f} times the bound); "
            f"the whole {total:.2f} s: ratio {other / total:.1f}"
        )


if __name__ == "__main__":
    main()
