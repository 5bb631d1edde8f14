import pytest
import torch

from bench.errors import ConfigError
from methods.nets.lead_masking import LeadMasking

ALL = torch.ones(500, 12, dtype=torch.bool)


def draw(masking: LeadMasking, leads=ALL, segments=50, seed=0):
    return masking.draw(leads, segments, torch.Generator().manual_seed(seed))


def test_the_paper_leaves_one_to_three_leads_and_38_of_50_segments_of_each():
    visible = draw(LeadMasking())
    per_lead = visible.sum(-1)
    assert set(per_lead.unique().tolist()) == {0, 38}
    leads = (per_lead > 0).sum(1)
    counts = torch.bincount(leads, minlength=4)
    assert counts[0] == 0
    assert counts[1:].sum() == 500
    assert (counts[1:4] > 120).all()


def test_every_lead_and_segment_gets_its_turn():
    visible = draw(LeadMasking())
    assert (visible.any(-1).float().mean(0) - 2 / 12).abs().max() < 0.06
    seen = visible.sum((0, 1)) / visible.any(-1).sum()
    assert (seen - 38 / 50).abs().max() < 0.06


def test_leads_are_masked_independently_of_each_other():
    visible = draw(LeadMasking(masked_leads=(9,)))
    record = visible[0][visible[0].any(-1)]
    assert len(record) == 3
    assert not torch.equal(record[0], record[1])


def test_plain_segment_masking_keeps_the_total_but_not_the_balance():
    visible = draw(LeadMasking(masked_leads=(9,), segments="any"))
    assert set(visible.sum((1, 2)).tolist()) == {150 - 37}
    assert len(set(visible.sum(-1)[visible.any(-1)].tolist())) > 3


def test_switches_of_table_2d():
    assert (draw(LeadMasking(masked_leads=(9,), segments="none")).sum((1, 2)) == 150).all()
    assert (draw(LeadMasking(masked_leads=())).sum((1, 2)) == 12 * 38).all()
    assert draw(LeadMasking(masked_leads=(), segments="none")).all()


@pytest.mark.parametrize("segments", ["per_lead", "any"])
def test_absent_leads_are_never_seen_and_one_present_lead_always_is(segments):
    leads = torch.zeros(200, 12, dtype=torch.bool)
    leads[:, [1, 7]] = True
    leads[100:, 7] = False
    visible = draw(LeadMasking(masked_leads=(0, 9, 11), segments=segments), leads)
    assert not visible[~leads].any()
    shown = visible.any(-1).sum(1)
    assert shown.min() == 1
    assert (shown[:100] == 2).any()
    assert (shown[100:] == 1).all()


def test_the_same_generator_state_gives_the_same_mask():
    assert torch.equal(draw(LeadMasking(), seed=3), draw(LeadMasking(), seed=3))
    assert not torch.equal(draw(LeadMasking(), seed=3), draw(LeadMasking(), seed=4))


def test_the_number_hidden_is_not_lost_to_floating_point():
    assert (draw(LeadMasking(masked_leads=(), ratio=0.29), segments=100).sum(-1) == 71).all()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="masked_leads 12"):
        LeadMasking(masked_leads=(9, 12))
    with pytest.raises(ConfigError, match=r"ratio 1\.0"):
        LeadMasking(ratio=1.0)
