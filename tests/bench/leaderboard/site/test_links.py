"""Addresses in the prose of pages."""

import pytest

from bench.leaderboard.site.links import links_in, repositories_in, with_links


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Kim, arXiv 2410.08559, 2024", "https://arxiv.org/abs/2410.08559"),
        ("(Coppola et al., medRxiv 2024.11.14.24317328)", "https://doi.org/10.1101/2024.11.14.24317328"),
        ("2020, doi 10.1038/s41467-020-15432-4)", "https://doi.org/10.1038/s41467-020-15432-4"),
        ("see https://physionet.org/content/ptb-xl/1.0.3/.", "https://physionet.org/content/ptb-xl/1.0.3/"),
        ("(https://example.org/a?b=1&amp;c=2)", "https://example.org/a?b=1&amp;c=2"),
    ],
)
def test_an_address_in_prose_becomes_a_link_without_the_punctuation_after_it(text, address):
    assert [target for _, target in links_in(text)] == [address]
    assert f'<a href="{address}">' in with_links(text)


def test_numbers_and_versions_are_no_addresses():
    assert links_in("10.0 s at 500 Hz, version 1.0.3, 2(7), 2025, 10/20") == []


def test_a_release_names_repositories_and_archives():
    assert repositories_in("AI4HealthUOL/ecg-fm-benchmarking, figshare 30192604") == [
        ("AI4HealthUOL/ecg-fm-benchmarking", "https://github.com/AI4HealthUOL/ecg-fm-benchmarking"),
        ("figshare 30192604", "https://doi.org/10.6084/m9.figshare.30192604"),
    ]
    assert repositories_in("wanglab/ecg-fm on the Hugging Face hub") == []
    assert repositories_in("unknown") == []
