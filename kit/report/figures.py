"""The figures that the README shows: gathered from runs and shipped models into one snapshot.

The snapshot (`docs/figures.json`) is kept with the sources, because runs are not: the README can be
compared with it, and it with the shipped models, in any checkout and without running anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError
from kit.files import sha256, shown
from kit.report.stats import wilson
from train.card import macs_of

Figures = dict[str, Any]
FOLDS_FIELDS = ("recipe", "data", "split", "seed", "accuracy", "accuracies", "pictures",
                "wedge_free_accuracy", "wedge_free_pictures", "commit")  # fmt: skip
COMPARED_FIELDS = ("what", "recipe", "weights", "accuracy", "pictures", "weight_bytes", "macs",
                   "epochs", "seed")  # fmt: skip
DEMO_FIELDS = ("model", "model_sha256", "data", "split", "seed", "synthetic", "accuracy", "total",
               "bit_exact")  # fmt: skip
PLACE_FIELDS = ("board", "title", "core", "unit", "compiler", "flags", "commit")
COST_FIELDS = ("model", "model_sha256", "board", "core", "unit", "total", "flash_bytes",
               "ram_bytes", "arena_bytes", "stack_bytes", "weights_bytes", "compiler", "flags",
               "commit", "input")  # fmt: skip
VALIDATE_FIELDS = ("model", "model_sha256", "board", "core", "inputs", "mismatched_inputs",
                   "mismatched_elements", "oracle", "seed", "commit")  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where things lie: a checkout's folders."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def snapshot(self) -> Path:
        return self.root / "docs" / "figures.json"

    @property
    def readme(self) -> Path:
        return self.root / "README.md"


def shipped(place: Place) -> dict[str, str]:
    """Shipped models: name → SHA-256 of the file."""
    paths = sorted(place.models.glob("*/model.tflite"))
    return {path.parent.name: sha256(path.read_bytes()) for path in paths}


def accuracy(place: Place) -> list[dict[str, Any]]:
    """One entry a shipped model, from its metrics.json."""
    found = []
    for name, digest in shipped(place).items():
        path = place.models / name / "metrics.json"
        metrics = read(path, "the shipped model's own file")
        try:
            right = round(float(metrics["accuracy"]) * int(metrics["pictures"]))
            entry = {
                "model": name,
                "model_sha256": digest,
                "accuracy": float(metrics["accuracy"]),
                "pictures": int(metrics["pictures"]),
                "wilson95": list(wilson(right, int(metrics["pictures"]))),
                "size_bits": int(metrics.get("size_bits") or 0),
                "macs": macs_of(metrics),
                "wedge_free": _wedge_free(metrics),
                **{
                    key: metrics[key]
                    for key in ("recipe", "data", "split", "seed", "synthetic", "dataset_hash")
                },
            }
        except (KeyError, TypeError, ValueError) as error:
            raise _incomplete(path, error) from error
        found.append(entry)
    return found


def _wedge_free(metrics: Figures) -> list[Any] | None:
    """[pictures, accuracy] over the test pictures whose borders do not give the class away."""
    if "wedge_free_pictures" not in metrics:
        return None
    return [int(metrics["wedge_free_pictures"]), float(metrics["wedge_free_accuracy"])]


def folds(place: Place) -> list[Figures]:
    """Cross-validations of the recipes of shipped models (runs/*/folds.json)."""
    recipes = {entry["recipe"] for entry in accuracy(place)}
    found = []
    for path in sorted(place.runs.glob("*/folds.json")):
        content = read(path, "make train RECIPE=… ARGS=--folds writes it")
        try:
            if content["recipe"] in recipes:
                found.append({key: content[key] for key in FOLDS_FIELDS})
        except KeyError as error:
            raise _incomplete(path, error) from error
    return found


def comparisons(place: Place) -> list[Figures]:
    """Networks beside a shipped model on the same test pictures (runs/*/comparison.json)."""
    found = []
    for path in sorted(place.runs.glob("*/comparison.json")):
        content = read(path, "kit train --compare writes it")
        try:
            entry = {
                **{key: content[key] for key in ("data", "synthetic", "split", "dataset_hash")},
                "rows": [{key: row[key] for key in COMPARED_FIELDS} for row in content["rows"]],
            }
        except (KeyError, TypeError) as error:
            raise _incomplete(path, error) from error
        if any(beside(entry, model) for model in accuracy(place)):
            found.append(entry)
    return found


def keep(before: Figures, now: Figures) -> tuple[Figures, list[str], list[str]]:
    """Of the optional figures those of an earlier snapshot that no run here has any more: they stay
    as long as they are of the models that are shipped. All other figures are demanded by `gather`.

    Returns:
        the snapshot with them; what was kept and what was left out, each with how to make it anew.
    """
    recipes = {model["recipe"] for model in now["accuracy"]}
    kept: list[str] = []
    left: list[str] = []
    merged = dict(now)
    for group, fits, words in (
        ("folds", lambda e: e["recipe"] in recipes, FOLDED),
        ("comparison", lambda e: any(beside(e, model) for model in now["accuracy"]), COMPARED),
    ):
        known = {_recipe(entry) for entry in now[group]}
        gone = [entry for entry in before.get(group, []) if _recipe(entry) not in known]
        merged[group] = sorted([*now[group], *filter(fits, gone)], key=_recipe)
        for entry in gone:
            (kept if fits(entry) else left).append(words.format(_recipe(entry)))
    return merged, kept, left


FOLDED = "the folds of {0}: make train RECIPE={0} ARGS=--folds"
COMPARED = "the networks beside {0}: kit train --compare runs/{0} …"


def _recipe(entry: Figures) -> str:
    """Of folds, or of the shipped model that a comparison begins with."""
    return str(entry["recipe"] if "recipe" in entry else entry["rows"][0]["recipe"])


def beside(comparison: Figures, model: Figures) -> bool:
    """Whether the comparison's first row is this shipped model on the same pictures."""
    first = comparison["rows"][0] if comparison["rows"] else {"recipe": None}
    return (
        first["recipe"] == model["recipe"]
        and first["accuracy"] == model["accuracy"]
        and comparison["dataset_hash"] == model["dataset_hash"]
    )


def gather(place: Place) -> Figures:
    """The snapshot from what was run in this checkout.

    Raises:
        BitWakeError: a run is missing or was made with another model, with the commands.
    """
    models = shipped(place)
    todo: list[str] = []
    demo: Figures | None = None
    path = place.runs / "demo" / "results.json"
    if path.is_file():
        demo = _demo(path, models)
    if demo is None:
        todo.append("make demo")
    costs = list(_of_shipped(place.runs, "bench/*/bench.json", COST_FIELDS, models))
    validated = list(_of_shipped(place.runs, "validate/*/validate.json", VALIDATE_FIELDS, models))
    for name in models:
        if not any(cost["model"] == name for cost in costs):
            todo.append(f"make bench MODEL={name}")
        for board in ("netduino2plus", "host"):
            if not any(v["model"] == name and v["board"] == board for v in validated):
                todo.append(f"make validate MODEL={name} BOARD={board}")
    if todo or demo is None:
        raise BitWakeError(
            "not every figure of the README was measured with the shipped models",
            where=shown(place.runs),
            found=f"{len(todo)} runs are missing, unfinished, or of another model",
            remedy="run: " + "; ".join(todo),
        )
    costs = [cost for cost in costs if cost["unit"] != "nanoseconds"]
    return {
        "accuracy": accuracy(place),
        "folds": folds(place),
        "comparison": comparisons(place),
        "demo": demo,
        "cost": costs,
        "validate": validated,
    }


def _demo(path: Path, models: dict[str, str]) -> Figures | None:
    """The demo's figures; None when it was stopped or showed other models."""
    found = read(path, "make demo writes it")
    try:
        runs = [{key: run[key] for key in DEMO_FIELDS} for run in found["models"]]
        known = all(models.get(run["model"]) == run["model_sha256"] for run in runs)
        if not found["ok"] or not known or not runs:
            return None
        return {**{key: found[key] for key in PLACE_FIELDS}, "models": runs}
    except (KeyError, TypeError) as error:
        raise _incomplete(path, error) from error


def _of_shipped(
    runs: Path, pattern: str, fields: tuple[str, ...], models: dict[str, str]
) -> Iterator[Figures]:
    """The chosen fields of every file whose model is shipped and unchanged."""
    for path in sorted(runs.glob(pattern)):
        found = read(path, "make bench and make validate write it")
        try:
            if models.get(found["model"]) == found["model_sha256"]:
                yield {key: found[key] for key in fields}
        except (KeyError, TypeError) as error:
            raise _incomplete(path, error) from error


def read(path: Path, who: str) -> Figures:
    """A JSON object.

    Raises:
        BitWakeError: missing or damaged.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BitWakeError(
            "a file of figures cannot be read", where=shown(path), found=str(error), remedy=who
        ) from error
    if not isinstance(found, dict):
        raise BitWakeError("a file of figures holds no object", where=shown(path), remedy=who)
    return found


def _incomplete(path: Path, error: Exception) -> BitWakeError:
    return BitWakeError(
        "a file of figures lacks a field or holds a wrong one",
        where=shown(path),
        found=f"{type(error).__name__}: {error}",
        remedy="make it again with this checkout",
    )


def stale(place: Place, figures: Figures, recount: Callable[[Place], Any] = accuracy) -> list[str]:
    """Why the snapshot does not belong to the shipped models; empty when it does."""
    models = shipped(place)
    lines = []
    if figures.get("accuracy") != recount(place):
        lines.append("accuracy: models/*/metrics.json say something else")
    for entry in figures.get("comparison", []):
        if not any(beside(entry, model) for model in recount(place)):
            lines.append(f"comparison on {entry['data']}: the shipped model is another one")
    groups = {
        "demo": figures.get("demo", {}).get("models", []),
        "cost": figures.get("cost", []),
        "validate": figures.get("validate", []),
    }
    for group, entries in groups.items():
        for entry in entries:
            if models.get(entry["model"]) != entry["model_sha256"]:
                lines.append(f"{group}: {entry['model']} was another file then")
        for name in models:
            if group != "demo" and not any(entry["model"] == name for entry in entries):
                lines.append(f"{group}: nothing about {name}")
    return lines
