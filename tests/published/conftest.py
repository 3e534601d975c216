"""A data folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $BITWAKE_DATA."""
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"
