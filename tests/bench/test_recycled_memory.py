"""Memory is handed out again when, and only when, nothing refers to it."""

import torch

from bench import recycled_memory
from bench.recycled_memory import empty

SHAPE = (8, 400, 400)


def test_freed_memory_is_used_again_and_no_other(monkeypatch):
    monkeypatch.setattr(recycled_memory, "_blocks", [])
    first = empty(*SHAPE)
    place = first.data_ptr()
    assert empty(*SHAPE).data_ptr() != place
    part = first[3]
    del first
    assert empty(*SHAPE).data_ptr() != place  # a view is left
    array = part.numpy()
    del part
    assert empty(*SHAPE).data_ptr() != place  # an array is left
    del array
    assert empty(*SHAPE).data_ptr() == place


def test_what_a_gradient_needs_is_not_handed_out(monkeypatch):
    monkeypatch.setattr(recycled_memory, "_blocks", [])
    weight = torch.ones(1, requires_grad=True)
    block = empty(*SHAPE).fill_(2.0)
    total = (weight * block).sum()
    del block
    for _ in range(6):
        empty(*SHAPE).fill_(9.0)
    total.backward()
    assert weight.grad.item() == 2 * 8 * 400 * 400


def test_few_blocks_are_kept(monkeypatch):
    monkeypatch.setattr(recycled_memory, "_blocks", [])
    held = [empty(*SHAPE) for _ in range(9)]
    assert len(recycled_memory._blocks) == recycled_memory.KEPT
    assert len({block.data_ptr() for block in held}) == 9
    del held
    for k in range(9):
        assert empty(9, 400, 400 + k).shape == (9, 400, 400 + k)
    assert len(recycled_memory._blocks) == recycled_memory.KEPT
