"""Names of subsets of leads: short, distinct, and read back."""

from bench.signals.leads import LEADS, PROGRESSIVE_ORDER, name_leads, parse_leads


def test_names_of_the_twelve_counts_are_distinct_short_and_read_back():
    subsets = parse_leads("1..12")
    names = [name_leads(leads) for leads in subsets]
    assert names == ["I", "I,II", "I,II,III", "4", "5", "limb", "7", "8", "9", "10", "11", "all"]
    assert [parse_leads(name) for name in names] == [[leads] for leads in subsets]
    assert subsets[3] == tuple(lead for lead in LEADS if lead in PROGRESSIVE_ORDER[:4])
