"""The packaged text encoder, loaded once for all tests of text."""

from __future__ import annotations

import pytest

from methods.text.encoder import TextEncoder


@pytest.fixture(scope="session")
def minilm() -> TextEncoder:
    return TextEncoder()
