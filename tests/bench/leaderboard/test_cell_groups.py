"""Replicates of one cell are one group; what was computed in two ways is not."""

from bench.leaderboard.cell_groups import cell_groups


def test_configs_and_splits_are_groups_apart(make_result):
    common = {"task": "ptbxl-super", "profile": "smoke"}
    seeds = [make_result("merl", seed=seed, **common) for seed in (0, 1)]
    other = make_result("merl", config={"pretrain": {"epochs": 0}}, **common)
    (group,) = cell_groups(seeds)
    assert group.method == "merl" and group.results == seeds and "seed" not in group.title
    groups = cell_groups([*seeds, other])
    assert {group.method for group in groups} != {"merl"} and len(groups) == 2
    assert sorted(len(group.results) for group in groups) == [1, 2]
    assert len({group.title for group in groups}) == 1


def test_only_joint_draws_are_replicates(make_result):
    """As boards count them: what ``--split-variance`` adds varies one number alone."""
    common = {"task": "ptbxl-super", "profile": "smoke", "fraction": 0.1}
    joint = [make_result("merl", seed=k, training=k, **common) for k in range(3)]
    alone = [make_result("merl", seed=k, **common) for k in (1, 2)]
    (group,) = cell_groups([*joint, *alone])
    assert group.results == joint
