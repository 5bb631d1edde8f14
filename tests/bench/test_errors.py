"""Messages of errors."""

from bench.errors import UnknownName


def test_of_many_fields_only_those_of_the_section_asked_for_are_listed():
    fields = ["fs", *(f"{section}.field{i}" for section in ("pretrain", "linear") for i in range(40))]
    told = str(UnknownName("config field", "pretrain.feld1", fields))
    assert "Did you mean 'pretrain.field1'" in told
    assert "pretrain.field39" in told
    assert "linear" not in told
    assert str(UnknownName("config field", "x", fields)).endswith("Known: fs, linear.*, pretrain.*.")
    assert "linear.field3" in str(UnknownName("config field", "x", fields[:45]))
