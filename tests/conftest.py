"""Settings of every test run: reproducible, quiet, without leaving the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports TensorFlow: Larq needs Keras 2, and the tests never see a GPU.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# The same sums, whatever the caller's shell or the order of imports says: networks of a few steps
# on a few pictures have signs on rounding edges.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["MPLBACKEND"] = "Agg"

# The same examples every time; a shared machine makes deadlines and health checks lie.
settings.register_profile(
    "bitwake",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("bitwake")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout under test."""
    return ROOT
