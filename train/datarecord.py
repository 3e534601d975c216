"""A run's record, the data it saw and the weights that came out; no others stand in for them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.card import read_json
from train.data import Dataset, load
from train.runfolder import load_arrays

# What others read of a finished run: types of each field that must be there, and of those that may.
Fields = dict[str, dict[str, tuple[type, ...]]]
FIGURE = (int, float, type(None))
NEEDED: Fields = {
    "recipe": {"name": (str,), "data": (str,)},
    "metrics": {
        "dataset_hash": (str,),
        "seed": (int,),
        "epochs": (int,),
        "pictures": (int,),
        "size_bits": (int,),
    },
}
MORE: Fields = {
    "recipe": {"data_options": (dict,)},
    "metrics": {
        "data": (str,),
        "macs": (int,),
        "weights_sha256": (str,),
        "bops": (int,),
        "weights": (str,),
        "labels": (list,),
        "score": FIGURE,
        "accuracy": FIGURE,
        "val_accuracy": FIGURE,
    },
}


def read_run(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """recipe.json and metrics.json of a run; of one that is finished, they are looked at.

    Raises:
        DataError: missing or damaged; the message names the field.
    """
    recipe, metrics = read_json(run / "recipe.json"), read_json(run / "metrics.json")
    wrong = [
        f"{name}.json has {field} {content.get(field)!r}"
        for name, content in (("recipe", recipe), ("metrics", metrics))
        for field, kinds in (NEEDED[name] | MORE[name]).items()
        if type(content.get(field)) not in kinds and (field in content or field in NEEDED[name])
    ]
    if wrong and metrics.get("finished"):
        raise DataError(
            "a record of the run is damaged",
            where=str(run),
            found=wrong[0][:200],
            remedy="take the file from a copy of the run, or train again",
        )
    return recipe, metrics


def digest(weights: Iterable[npt.NDArray[Any]]) -> str:
    """SHA-256 over weights in their order, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for weight in weights:
        found.update(np.ascontiguousarray(weight).tobytes())
    return found.hexdigest()


def final_weights(run: Path) -> list[npt.NDArray[Any]]:
    """A finished run's weights, in the order of the model's get_weights(). Of a run whose record
    is too old to say which they are, that is told.

    Raises:
        DataError: missing, damaged, or not those that the run's figures are of.
    """
    arrays = load_arrays(run / "weights.npz")
    weights = [arrays[name] for name in sorted(arrays)]
    had, found = read_json(run / "metrics.json").get("weights_sha256"), digest(weights)
    if had is None:
        line = "an older record: it does not say of which weights its figures are"
        print(f"{run}: {line}", file=sys.stderr, flush=True)
    elif had != found:
        raise DataError(
            "the weights are not those that the run's figures are of",
            where=str(run / "weights.npz"),
            found=f"sha256 {found[:16]}, metrics.json has {str(had)[:16]}",
            remedy="put this run's own file there; where its checkpoint is, kit train --resume "
            f"{run} writes both anew",
        )
    return weights


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
