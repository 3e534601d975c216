"""A training that is killed at any moment and resumed equals one that was left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.runfolder import load_arrays

pytestmark = pytest.mark.keras
TIMES = ("seconds", "images_per_s", "train_seconds", "commit")  # what two runs need not share
KILLS = 7


def figures(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "metrics.json").read_text())
    return {k: v for k, v in found.items() if k not in TIMES}


def curves(folder: Path) -> list[dict[str, str]]:
    """Rows of curves.csv without the times."""
    head, *rows = [line.split(",") for line in (folder / "curves.csv").read_text().splitlines()]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    return [{k: v for k, v in row.items() if k not in TIMES} for row in found]


@pytest.mark.slow
def test_killed_and_resumed_equals_unbroken(repo: Path, tmp_path: Path) -> None:
    """Kills by SIGKILL: in a step, with a file half written, unnamed, or the next one missing,
    between stages, before the result, and at a time that nothing was arranged for."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.train.killed", str(tmp_path)],
        cwd=repo,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == KILLS, "a kill came too late"
    whole = load_arrays(tmp_path / "whole" / "weights.npz")
    for name in ("broken", "timed"):
        broken = tmp_path / name
        found = load_arrays(broken / "weights.npz")
        assert whole.keys() == found.keys()
        for weight, value in whole.items():
            np.testing.assert_array_equal(found[weight], value, err_msg=f"{name} {weight}")
        assert figures(broken) == figures(tmp_path / "whole")
        assert curves(broken) == curves(tmp_path / "whole")
        assert len(curves(broken)) == 3
        assert not list(broken.glob(".*")), "half-written files are left"
