"""One training a fold, and what they say together.

`faces`: five folds that test every picture once. `stl10`: the ten predefined folds of training
pictures, each tested on the whole test split; the published protocol is their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.card import command, write_card
from train.data import Dataset, faces
from train.recipes import Recipe
from train.runfolder import write_json

# data -> (folds, what a figure over them is of)
FOLDED = {
    "faces": (faces.FOLDS, f"{faces.FOLDS}-fold cross-validation, stratified"),
    "stl10": (10, "test, mean over the 10 predefined training folds"),
}


def cross_validation(
    recipe: Recipe,
    record: Mapping[str, Any],
    folder: Path,
    load: Callable[[Recipe], Dataset],
    *,
    quiet: bool = False,
) -> dict[str, Any]:
    """Runs in fold0 … of the folder; one that is there already is resumed or reused.

    Args:
        record: how the run was asked for, see train.loop.train.
        load: the dataset of a recipe, whose data options name the fold.

    Returns:
        folds.json's content: mean, sample deviation and single accuracies, sizes, data hashes, the
        command; for faces also the same over wedge-free test pictures.

    Raises:
        DataError: the recipe's data has no folds.
    """
    from train.distribute import workers
    from train.loop import train
    from train.record import finished

    if recipe.data not in FOLDED:
        raise DataError(
            "this recipe's data has no folds",
            where=f"recipe {recipe.name}",
            found=f"data {recipe.data}",
            remedy=f"folds are for {' and '.join(FOLDED)}; leave --folds out",
        )
    count, split = FOLDED[recipe.data]
    rows: list[dict[str, Any]] = []
    for fold in range(count):
        one = replace(recipe, data_options={**recipe.data_options, "fold": fold})
        dataset, at = load(one), folder / f"fold{fold}"
        metrics = finished(at, one, dataset)
        if metrics is None:
            _, metrics = train(
                one, dataset, at, resume=True, quiet=quiet, record=_of_fold(record, fold)
            )
        # here, for a kill may have come between the figures and the card
        if metrics["finished"] and workers().chief and not (at / "model_card.md").exists():
            write_card(at)
        rows.append(metrics)
    accuracies = [row["accuracy"] for row in rows]
    result = {
        "recipe": recipe.name,
        # stl10's name says which fold, and whether the files are the published ones
        "data": rows[0]["data"].replace("-fold0", ""),
        "split": split,
        "seed": recipe.seed,
        "accuracy": float(np.mean(accuracies)),
        "accuracy_deviation": float(np.std(accuracies, ddof=1)),
        "accuracies": accuracies,
        "pictures": sum(row["pictures"] for row in rows),
        **_wedge_free(rows),
        "confusions": [row["confusion"] for row in rows],
        "dataset_hashes": [row["dataset_hash"] for row in rows],
        "train_seconds": [row["train_seconds"] for row in rows],
        "commit": rows[0]["commit"],
        "command": command({"name": recipe.name, **record}, {"seed": recipe.seed}) + " --folds",
    }
    write_json(folder / "folds.json", result)
    return {"run": str(folder), **result}


def _of_fold(record: Mapping[str, Any], fold: int) -> dict[str, Any]:
    """How one fold was asked for, so that `--resume` and `convert` find its pictures."""
    changed = record.get("changed", {})
    options = {**changed.get("data_options", {}), "fold": fold}
    return {**record, "changed": {**changed, "data_options": options}}


def _wedge_free(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Over all folds' test pictures without a wedge together; nothing for data without wedges."""
    if "wedge_free_pictures" not in rows[0]:
        return {}
    free = sum(row["wedge_free_pictures"] for row in rows)
    right = sum(row["wedge_free_pictures"] * row["wedge_free_accuracy"] for row in rows)
    return {
        "wedge_free_accuracy": float(right / free),
        "wedge_free_accuracies": [row["wedge_free_accuracy"] for row in rows],
        "wedge_free_pictures": free,
    }
