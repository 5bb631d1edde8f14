"""Folders of transformers that ask for code or weights from elsewhere."""

import json

import pytest

from bench.errors import DataError
from methods.text.hub_folder import refuse_code_and_other_folders


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "config.json",
            {"text_config": {"attn_implementation": "somebody/kernel"}},
            "code that would be fetched and run",
        ),
        ("model.safetensors.index.json", {"weight_map": {"w": "../other/model.safetensors"}}, "become part of a path"),
        ("model.safetensors.index.json", {"weight_map": {"w": "/root/model.safetensors"}}, "become part of a path"),
        ("adapter_config.json", {"base_model_name_or_path": "somebody/base"}, "belongs to an adapter"),
        ("config.json", [], "expected a JSON object"),
    ],
)
def test_what_a_folder_names_elsewhere_is_refused(tmp_path, name, content, words):
    (tmp_path / "config.json").write_text('{"attn_implementation": "sdpa"}')
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        refuse_code_and_other_folders(tmp_path)


def test_a_folder_of_shards_and_one_nested_too_deeply(tmp_path):
    (tmp_path / "config.json").write_text('{"attn_implementation": "sdpa"}')
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"w": "model-00001-of-00002.safetensors"}}')
    refuse_code_and_other_folders(tmp_path)
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="nested deeper than"):
        refuse_code_and_other_folders(tmp_path)
