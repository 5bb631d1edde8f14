"""Messages of errors."""

import warnings

import numpy as np
import pytest

from bench.errors import UnknownName, quiet_libraries
from bench.signals.filter_steps import running_median

FIELDS = ["fs", *(f"{section}.field{i}" for section in ("pretrain", "linear") for i in range(40))]


def test_of_many_fields_the_nearest_are_named_else_the_sections():
    message = str(UnknownName("config field", "pretrain.feld1", FIELDS))
    assert "Did you mean 'pretrain.field1'" in message
    assert "linear" not in message
    assert "bench explain METHOD" in message
    assert str(UnknownName("config field", "x", FIELDS)).endswith("Known: fs, linear.*, pretrain.*.")
    assert "linear.field3" in str(UnknownName("config field", "x", FIELDS[:45]))


@pytest.mark.parametrize("written", ["lr", "learning_rate", "learning-rate", "linear.learning_rate", "LR"])
def test_a_field_is_found_by_what_others_call_it_and_without_its_section(written):
    message = str(UnknownName("config field", written, ["linear.lr", "finetune.lr", *FIELDS]))
    assert "'linear.lr'" in message
    assert "'finetune.lr'" in message


def test_many_names_are_not_all_printed_where_a_command_lists_them():
    names = [f"method-{i}" for i in range(60)]
    message = str(UnknownName("method", "metod-7", names))
    assert message.startswith("unknown method 'metod-7'. Did you mean 'method-7' or ")
    assert message.endswith("? All 60: bench methods.")
    assert str(UnknownName("method", "zzz", names)) == "unknown method 'zzz'. All 60: bench methods."
    assert str(UnknownName("method", "c", ["a", "b"])) == "unknown method 'c'. Known: a, b."


def test_a_name_as_long_as_a_file_neither_fills_the_screen_nor_takes_long():
    assert len(str(UnknownName("method", "m" * 1_000_000, ["merl"]))) < 200


def test_a_median_over_more_than_the_recording_warns_nobody():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        quiet_libraries()
        assert running_median(np.ones((1, 3)), 9).tolist() == [[0, 0, 0]]  # most of the window is beyond the ends
    assert shown == []
