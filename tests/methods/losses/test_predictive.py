import pytest
import torch

from methods.losses.predictive import cpc, draw_negatives


def stored_negatives(stored, same_sequence: bool):
    """The stored draws are [time, sequence * negative], numbered without the time of the target."""
    steps, count, time = stored["steps_predicted"], stored["n_false_negatives"], stored["encoded"].shape[1]
    draws = stored[f"negidx_same{int(same_sequence)}"].view(time - steps, -1, count).permute(1, 0, 2)
    sequence = torch.arange(len(draws))[:, None, None] if same_sequence else draws // (time - 1)
    position = draws % (time - 1)
    return sequence * time + position + (position >= torch.arange(steps, time)[None, :, None])


@pytest.mark.parametrize("same_sequence", [True, False])
def test_cpc_with_the_stored_negatives(golden, same_sequence):
    stored = golden("cpc.npz")
    negatives = stored_negatives(stored, same_sequence)
    for by_product in {False, same_sequence}:  # the two ways to the same scores
        loss = cpc(stored["context_proj"], stored["encoded"], negatives, stored["steps_predicted"], by_product)
        assert loss.item() == pytest.approx(stored[f"loss_same{int(same_sequence)}"], rel=1e-6)


@pytest.mark.parametrize("same_sequence", [True, False])
def test_negatives_avoid_the_time_of_the_target(same_sequence):
    drawn = draw_negatives(3, 10, 4, 200, same_sequence, torch.Generator().manual_seed(0))
    assert drawn.shape == (3, 6, 200)
    target = torch.arange(4, 10)[None, :, None]
    assert (drawn % 10 != target).all()
    assert set((drawn % 10)[0, 0].tolist()) == set(range(10)) - {4}
    own = drawn // 10 == torch.arange(3)[:, None, None]
    assert own.all() if same_sequence else 0.2 < own.float().mean() < 0.5


def test_the_right_future_costs_less_than_a_wrong_one():
    torch.manual_seed(0)
    encoded = torch.randn(2, 30, 16)
    negatives = draw_negatives(2, 30, 5, 20, generator=torch.Generator().manual_seed(0))
    assert cpc(encoded.roll(-5, 1), encoded, negatives, 5) < cpc(encoded.roll(-4, 1), encoded, negatives, 5) / 10
