"""The data that a run saw, from its record; no other data stands in for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train.data import Dataset, load


def check_same(dataset: Dataset, metrics: Mapping[str, Any], run: str | Path) -> None:
    """Refuses a dataset that is not the run's, by the hash of pictures, labels and targets.

    Args:
        metrics: metrics.json's content.
        run: its folder, for the message.

    Raises:
        DataError: with both hashes.
    """
    had = metrics.get("dataset_hash")
    if dataset.hash != had:
        raise DataError(
            "the data has changed since the run",
            where=f"{run}, dataset {dataset.name}",
            found=f"sha256 {dataset.hash[:16]}, the run had {str(had)[:16]}",
            remedy="train again, or bring the same data back: metrics.json has the commit",
        )


def recorded_data(
    record: Mapping[str, Any], metrics: Mapping[str, Any], run: str | Path
) -> Dataset:
    """A run's dataset, loaded as it was for training, its fold included.

    Args:
        record: recipe.json's content.
        metrics, run: as for `check_same`.

    Raises:
        DataError: the data cannot be had, or is not what the run saw.
    """
    dataset = load(str(record["data"]), **record.get("data_options", {}))
    check_same(dataset, metrics, run)
    return dataset
