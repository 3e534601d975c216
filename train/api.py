"""What the command line calls: recipes by name, a run, cross-validation."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train import data as datasets
from train import distill, recipes
from train.card import read_json, write_card
from train.recipes import Augment, Recipe
from train.recipes.check import check, refuse_idle, typed
from train.recipes.recipe import Stage
from train.runfolder import TakenError, begun, refuse_another

RUNS = Path(__file__).resolve().parents[1] / "runs"
FIXED = ("name", "net", "source", "task")  # fields that --set does not reach


def list_recipes() -> dict[str, str]:
    """Name -> data, epochs and source, in a line."""
    found = {}
    for name in recipes.names():
        recipe = recipes.get(name)
        found[name] = f"{recipe.data}, {recipe.epochs} epochs; {recipe.source}"
    return found


def changed(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe with fields replaced by values from JSON.

    `augment` and `data_options` take a mapping and change only the fields that it names; a number
    may be given where a float is wanted. `stages` takes a list of mappings.

    Raises:
        DataError: no such field, or a value of another type; the fields are named.
    """
    known = {f.name for f in fields(Recipe)} - set(FIXED)
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            raise DataError(
                "a recipe has no such field to set",
                where=f"recipe {recipe.name}",
                found=name,
                remedy="fields: " + ", ".join(sorted(known)),
            )
        old = getattr(recipe, name)
        if isinstance(old, (Augment, Mapping)):
            values[name] = _merged(recipe, name, old, value)
            continue
        if name == "stages":
            values[name] = _stages(recipe, value)
            continue
        value = typed(Recipe, {name: value}, "a recipe", f"recipe {recipe.name}")[name]
        values[name] = value
    return replace(recipe, **values)


def _merged(recipe: Recipe, name: str, old: Any, value: Any) -> Any:
    """`old` (an Augment or a mapping) with the named fields replaced."""
    if not isinstance(value, dict):
        example = "flip" if isinstance(old, Augment) else "size"
        raise DataError(
            f"{name} of a recipe takes a JSON object of its fields",
            where=f"recipe {recipe.name}",
            found=repr(value),
            remedy=f"for instance --set '{name}={{\"{example}\": …}}'",
        )
    if isinstance(old, Augment):
        return replace(old, **typed(Augment, value, name, f"recipe {recipe.name}"))
    return {**old, **value}


def _stages(recipe: Recipe, value: Any) -> tuple[Stage, ...]:
    """Stages of a list of mappings, each naming the fields that are not the default's."""
    rows: list[Any] = value if isinstance(value, list) else [value]
    wrong = [row for row in rows if not isinstance(row, dict)]
    if wrong or rows is not value:
        raise DataError(
            "stages of a recipe are a JSON list of objects",
            where=f"recipe {recipe.name}",
            found=repr((wrong or rows)[0]),
            remedy="fields of each: " + ", ".join(sorted(f.name for f in fields(Stage))),
        )
    return tuple(Stage(**typed(Stage, row, "a stage", f"recipe {recipe.name}")) for row in rows)


def load_data(recipe: Recipe, **more: Any) -> datasets.Dataset:
    """The recipe's dataset; its seed is data_options["seed"], 0 when absent."""
    return datasets.load(recipe.data, **{**recipe.data_options, **more})


def new_folders(name: str) -> Iterator[Path]:
    """runs/NAME, runs/NAME-2 and so on, without those in which a run is."""
    for number in itertools.count(1):
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if not begun(folder):
            yield folder


def prepared(
    recipe: str | None,
    data: str | None,
    seed: int | None,
    overrides: Mapping[str, Any],
    before: Collection[str] = (),
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe as asked for, and the record of what was asked.

    Args:
        before: those of the overrides that an earlier call has accepted already.

    Raises:
        DataError: no such recipe, field or teacher, or a value that none can have.
    """
    chosen = changed(recipes.get(recipe or ""), overrides)
    record: dict[str, Any] = {"changed": dict(overrides)}
    if data is not None and data != chosen.data:
        chosen = replace(chosen, data=data, data_options=overrides.get("data_options", {}))
        record["replaced_data"] = data
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    check(chosen)
    refuse_idle(chosen, {k: v for k, v in overrides.items() if k not in before})
    if chosen.teacher:
        distill.known(chosen)
    return chosen, record


def _recorded(folder: Path) -> tuple[str, str | None, int, dict[str, Any]]:
    """What an interrupted run was asked: recipe, replaced data, seed, changes."""
    record = read_json(folder / "recipe.json")
    try:
        return (
            str(record["name"]),
            record.get("replaced_data"),
            int(record["seed"]),
            dict(record.get("changed", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "this run's record does not say what was asked",
            where=str(folder / "recipe.json"),
            found=repr(error),
            remedy="start again: kit train --recipe …",
        ) from None


def agree(run: str, folder: Path, asked: Mapping[str, tuple[Any, Any]], otherwise: str) -> None:
    """Refuse what is asked of a run that was made with something else.

    Args:
        run: which run, as the message calls it; otherwise: what else to do.
        asked: flag -> what is asked now (None: nothing) and what the run has.

    Raises:
        DataError: naming the first flag that differs.
    """
    for what, (now, was) in asked.items():
        if now is not None and now != was:
            raise DataError(
                f"{run} has another {what}",
                where=str(folder),
                found=f"{what} {was}, asked for {now}",
                remedy=f"leave --{what} out, or {otherwise}",
            )


def train_command(
    *,
    recipe: str | None,
    data: str | None = None,
    run_dir: Path | None = None,
    seed: int | None = None,
    resume: bool = False,
    overrides: Mapping[str, Any] | None = None,
    quiet: bool = False,
    stop_after: int | None = None,
    checkpoint_minutes: float | None = None,
) -> dict[str, Any]:
    """Train a recipe, or go on with the run in `run_dir`.

    Args:
        recipe: a name; may be None when resuming.
        data: replaces the recipe's dataset; its data options are then dropped.
        run_dir: default a new folder in runs/.
        seed: of weights, order and augmentation; default the recipe's.
        resume: `run_dir` holds an interrupted run; it is continued as it was asked for.
        overrides: recipe fields to change.
        quiet, stop_after, checkpoint_minutes: see train.loop.train.

    Returns:
        metrics.json's content and `run`, the folder.

    Raises:
        DataError: a bad name or field, a run is there and resume is off, no data, a full disk.
    """
    if checkpoint_minutes is not None and not checkpoint_minutes >= 0:
        raise DataError(
            "checkpoints are some minutes apart",
            found=f"{checkpoint_minutes:g}",
            remedy="0 writes one after every step",
        )
    if resume:
        if run_dir is None:
            raise DataError("resume needs the folder of a run")
        known, replaced, old_seed, changes = _recorded(run_dir)
        whole = read_json(run_dir / "recipe.json")
        if "pruned_from" in whole:
            raise DataError(
                "this is a step of a pruning, which trains it on itself",
                where=str(run_dir),
                remedy="the same kit prune command again goes on",
            )
        was = whole.get("data")
        asked = {"recipe": (recipe, known), "seed": (seed, old_seed), "data": (data, was)}
        agree("the interrupted run", run_dir, asked, "start a new run")
        asked_for = {**changes, **(overrides or {})}
        chosen, record = prepared(known, replaced, old_seed, asked_for, changes)
    else:
        chosen, record = prepared(recipe, data, seed, overrides or {})
        if run_dir is not None:
            refuse_another(run_dir)  # before workers wait for each other and pictures are made
    from train.distribute import workers
    from train.loop import CHECKPOINT_MINUTES, train

    together = workers()  # before anything computes
    if together.count > 1 and run_dir is None:
        raise DataError(
            "workers need to be told their common run folder", remedy="give all of them --run DIR"
        )
    dataset = load_data(chosen)
    for folder in [run_dir] if run_dir else new_folders(chosen.name):
        try:
            _, metrics = train(
                chosen,
                dataset,
                folder,
                resume=resume,
                quiet=quiet,
                stop_after=stop_after,
                record=record,
                checkpoint_minutes=CHECKPOINT_MINUTES
                if checkpoint_minutes is None
                else checkpoint_minutes,
            )
            break
        except TakenError:  # by a training that was begun at the same time
            if run_dir is not None:
                raise
    if metrics["finished"] and together.chief:
        write_card(folder)
    return {"run": str(folder), **metrics}


def folds_command(
    *,
    recipe: str | None,
    run_dir: Path | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """A training of every fold, see train.folds.

    Returns:
        folds.json's content.

    Raises:
        DataError: the recipe's data has no folds; see train_command for the others.
    """
    from train.folds import cross_validation

    chosen, record = prepared(recipe, None, seed, overrides or {})
    folder = run_dir or RUNS / f"{chosen.name}-folds"
    return cross_validation(chosen, record, folder, load_data, quiet=quiet)
