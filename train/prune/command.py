"""What `kit prune` does: the unpruned run, when it is not there yet, and then the pruning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train import recipes
from train.api import agree, changed, load_data, prepared, train_command
from train.card import read_json
from train.prune.plan import Plan
from train.recipes.recipe import Recipe
from train.runfolder import alone


def recipe_of(folder: Path) -> Recipe:
    """The recipe of a run folder with the run's own changes, data and seed."""
    record = read_json(folder / "recipe.json")
    known = changed(recipes.get(str(record["name"])), record.get("changed", {}))
    return replace(
        known,
        data=record["data"],
        data_options=record.get("data_options", {}),
        seed=int(record["seed"]),
    )


def prune_command(
    *,
    recipe: str | None,
    base: Path | None,
    folder: Path,
    plan: Plan,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Prune a run, trained first when it is missing; the same command again goes on.

    Args:
        recipe: of the unpruned network; may be None when `base` holds its finished run.
        base: folder of the unpruned run; default FOLDER/base.
        folder: of the pruning run.
        plan: the schedule.
        seed, overrides: of the unpruned run when it is trained here.

    Returns:
        prune.json's content and `run`, the folder.

    Raises:
        DataError: neither recipe nor run, the run in `base` is of another recipe or seed or was
            asked for with other overrides, `base` is `folder`, or its network cannot be pruned so
            far; said before anything is trained or read.
    """
    from train.prune.run import prunable

    base = base or folder / "base"
    if base.resolve() == folder.resolve():
        raise DataError(
            "a pruning would overwrite the run that it prunes",
            where=str(folder),
            remedy="name another folder with --run",
        )
    if not _finished(base):
        if recipe is None:
            raise DataError(
                "there is no finished run to prune",
                where=str(base),
                remedy="name one with --base, or a recipe with --recipe to train it first",
            )
        prunable(prepared(recipe, None, seed, overrides or {})[0].net, plan, f"recipe {recipe}")
    with alone(folder, wait=True):  # one that a killed queue left behind may still prune there
        return _alone(recipe, base, folder, plan, seed, overrides, quiet)


def _finished(base: Path) -> bool:
    came = base / "metrics.json"  # not there yet when the first epoch was cut short
    return came.exists() and bool(read_json(came).get("finished"))


def _alone(
    recipe: str | None,
    base: Path,
    folder: Path,
    plan: Plan,
    seed: int | None,
    overrides: Mapping[str, Any] | None,
    quiet: bool,
) -> dict[str, Any]:
    """`prune_command` in a folder that is this process's own."""
    from train.prune.run import base_net, prunable, prune

    if not _finished(base):
        started = (base / "checkpoint.npz").exists()
        train_command(
            recipe=recipe,
            run_dir=base,
            seed=seed,
            resume=started,
            overrides={} if started else overrides,
            quiet=quiet,
        )
    known = recipe_of(base)
    asked = {"recipe": (recipe, known.name), "seed": (seed, known.seed)}
    agree("the unpruned run", base, asked, "name another --base")
    if overrides:
        was = read_json(base / "recipe.json").get("changed", {})
        agree("the unpruned run", base, {"set": (dict(overrides), was)}, "name another --base")
    prunable(base_net(base), plan, str(base))
    # what the base was asked for holds for what is left of it, and for a pruning of that
    was = read_json(base / "recipe.json")
    record: dict[str, Any] = {k: was[k] for k in ("changed", "replaced_data") if k in was}
    record["pruned_from"] = str(base)
    result = prune(known, load_data(known), base, folder, plan, quiet=quiet, record=record)
    return {"run": str(folder), **result}
