"""Images, one of which cannot be read."""

import numpy as np
import pytest

from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.signals.images import prepare_images


def test_an_image_that_breaks_its_reader_is_its_own_failure(tmp_path, folder_dataset, monkeypatch):
    dataset = folder_dataset(3)

    def read(file, size):
        return np.full((3, size, size), 1 / (file.record_id != "r0001"))

    monkeypatch.setattr(type(dataset), "image_files", type(dataset).files)
    monkeypatch.setattr(type(dataset), "read_image", staticmethod(read))
    for path in [dataset.root / f"r000{k}" for k in range(3)]:
        path.touch()
    store = prepare(dataset, tmp_path / "store")
    with pytest.raises(DataError, match="record r0001: .*cannot be read: ZeroDivisionError"):
        prepare_images(dataset, store, tmp_path / "cache", 4)
    images = prepare_images(dataset, store, tmp_path / "cache", 4, on_bad_record="skip")
    assert images.available.tolist() == [True, False, True]
