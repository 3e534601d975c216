"""The case runner for this machine, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.planar import build
from tests.planar.build import Outcome
from tests.planar.cases import Case

Play = Callable[[Sequence[Case]], list[Outcome]]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays cases on this machine under the sanitizers."""
    folder = tmp_path_factory.mktemp("planar")
    program = build.compile_host(folder)
    return lambda cases: build.run_host(program, cases, folder)
