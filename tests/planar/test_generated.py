"""Generated assembly is up to date with its generator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["count_thumb2", "count_mve", "turn_thumb2"])
def test_up_to_date(repo: Path, name: str) -> None:
    generator = repo / "mcu" / "kernels" / "planar" / "gen" / f"{name}.py"
    done = subprocess.run([sys.executable, generator, "--check"], check=False)
    assert done.returncode == 0, f"run python {generator.relative_to(repo)}"
