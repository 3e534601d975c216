"""The model card: what a trained network is, how it was made, what it does, what it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train.runfolder import write_whole

LIMITS = {
    "faces": (
        "100 + 100 pictures are few: one test picture is 2.5 % of the fixed split's accuracy.",
        "Crops of 25x25 pixels, enlarged; the face fills the frame and looks at the camera.",
        "Not for recognising who it is, and not evidence of working for every group of people.",
    ),
    "scenes": (
        "**Synthetic**: every training and test picture is rendered. The figure says how well the "
        "network learned this generator, not how well it finds people in a room.",
        "About one person in a hundred is hard to see for a human too (dark, hidden, tiny).",
        "Before any use: train and test on pictures of the camera and the place it is meant for.",
    ),
    "stl10": (
        "Pictures from the web that centre their subject, 500 labelled ones a class.",
        "Comparable only with results of the same protocol: one fold, or all training pictures; "
        "with or without the unlabeled ones.",
    ),
    "vww-minival": (
        "A person counts from 0.5 % of the picture. Not comparable with MLPerf Tiny's figures.",
        "Photographs that people chose to publish, not those of a fixed camera.",
    ),
    "vww-mlperf": (
        "Pictures with small people only are left out of training and test. Not comparable with "
        "figures on minival; the test pictures are not MLPerf's own thousand.",
        "Photographs that people chose to publish, not those of a fixed camera.",
    ),
}
# What a dataset's name ends in when its files are not the published ones (train.data.manifest).
OTHER_FILES = ("-manifest", "-unverified")


def limits(data: str) -> tuple[str, ...]:
    """What a card says of results on a dataset: of the longest known name that it begins with."""
    known = [name for name in LIMITS if data == name or data.startswith(name + "-")]
    found = LIMITS[max(known, key=len)] if known else ("None are recorded for this data.",)
    if data.endswith(OTHER_FILES):
        return ("**Not the published files**: says nothing of the published set.", *found)
    return found


def macs_of(record: Mapping[str, Any]) -> int:
    """Multiply-accumulates in metrics.json or in a point of prune.json; 0 where nobody counted.

    Records of earlier versions call them `bops`, which they are only where all is 1 bit.
    """
    return int(record.get("macs", record.get("bops")) or 0)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a run folder.

    Raises:
        DataError: missing, damaged or no object.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        return found
    except (OSError, ValueError) as error:
        made = path.name == "metrics.json" and path.with_name("checkpoint.npz").exists()
        raise DataError(
            "a file of the run cannot be read",
            where=str(path),
            found=str(error),
            remedy=f"delete it; then kit train --resume {path.parent} writes it anew"
            if made
            else "give the folder of a training run: kit train --recipe … makes one",
        ) from None


def command(recipe: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The command that repeats the run."""
    parts = [f"python -m kit train --recipe {recipe['name']} --seed {metrics['seed']}"]
    parts += [f"--set '{k}={json.dumps(v)}'" for k, v in sorted(recipe.get("changed", {}).items())]
    if recipe.get("replaced_data"):
        parts.append(f"--data {recipe['replaced_data']}")
    return " ".join(parts)


def percent(value: Any) -> str:
    return "–" if value is None else f"{100 * float(value):.2f} %"


def _results(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    mark = ", synthetic" if metrics.get("synthetic") else ""
    seed = metrics["seed"]
    where = f"{metrics['data']}{mark}, {metrics['split']} split, seed {seed}"
    told = f"({where}, {metrics['pictures']} pictures)"
    if "accuracy" not in metrics:
        return _of_task(metrics, told)
    rows = [(f"accuracy {told}", percent(metrics["accuracy"]))]
    if "wedge_free_accuracy" in metrics:
        count = metrics["wedge_free_pictures"]
        rows.append(
            (
                f"the same without pictures that show an alignment wedge ({count} pictures)",
                percent(metrics["wedge_free_accuracy"]),
            )
        )
    if metrics.get("val_accuracy") is not None:
        rows.append(("accuracy, validation split", percent(metrics["val_accuracy"])))
    if "lce_accuracy" in metrics:
        rows.append(
            (
                f"model.tflite in LCE's interpreter, {metrics['split']} split",
                percent(metrics["lce_accuracy"]),
            )
        )
    table = metrics["confusion"]
    rows.append(("confusion (rows are the truth)", "; ".join(str(row) for row in table)))
    return rows


def _of_task(metrics: Mapping[str, Any], told: str) -> list[tuple[str, str]]:
    """The headline figure of a task other than classification, as a plain number."""
    name = metrics["metric"]
    rows = [(f"{name} {told}", f"{metrics['score']:.4f}")]
    if metrics.get(f"val_{name}") is not None:
        rows.append((f"{name}, validation split", f"{metrics[f'val_{name}']:.4f}"))
    return rows


def _folds(folds: Mapping[str, Any]) -> list[str]:
    each = ", ".join(percent(v) for v in folds["accuracies"])
    free = ""
    if "wedge_free_accuracy" in folds:
        accuracy, pictures = folds["wedge_free_accuracy"], folds["wedge_free_pictures"]
        free = f"; without wedge pictures {percent(accuracy)} of {pictures}"
    count = len(folds["accuracies"])
    # stl10's folds are of training pictures: each is tested on the same ones
    what = f"{count}-fold cross-validation over all {folds['pictures']} pictures"
    own = ": it was trained on the fixed split"
    if "cross-validation" not in folds["split"]:
        what = f"{count} folds of training pictures, each tested on {folds['pictures'] // count:,}"
        own = ""
    return [
        "",
        f"{what}, training seed {folds['seed']}: **{percent(folds['accuracy'])}** "
        f"(folds {each}){free}. Repeat: `{folds['command']}`. "
        f"The model in this folder is none of these{own}.",
    ]


def _comparison(rows: list[Mapping[str, Any]]) -> list[str]:
    lines = ["", "## Beside others, same data", ""]
    lines += ["| network | epochs | weights | accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {row['what']} | {row.get('epochs', '–')} | {row['weight_bytes']:,} bytes "
        f"| {percent(row['accuracy'])} |"
        for row in rows
    ]
    return lines


def _anecdote(verdicts: Mapping[str, str]) -> list[str]:
    found = sum(verdict == "person" for verdict in verdicts.values())
    each = "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
    return [
        "",
        f"An anecdote, not a figure: {len(verdicts)} crops of the two bundled photographs that "
        f"show a real person, {found} of them called *person* ({each}).",
    ]


def model_card(
    recipe: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    folds: Mapping[str, Any] | None = None,
    comparison: list[Mapping[str, Any]] | None = None,
) -> str:
    """Markdown, from a run's recipe.json and metrics.json and, when given, further results."""
    data = metrics["data"]
    synthetic = " (synthetic data)" if metrics.get("synthetic") else ""
    versions = ", ".join(f"{k} {v}" for k, v in sorted(metrics.get("versions", {}).items()))
    facts = [
        (
            "data",
            f"{data}{', **synthetic**' if metrics.get('synthetic') else ', real photographs'}",
        ),
        *([("protocol", str(metrics["note"]))] if metrics.get("note") else []),
        ("classes", ", ".join(metrics.get("labels", [])) or "–"),
        ("data hash", f"sha256 `{metrics['dataset_hash']}`"),
        ("training pictures", f"{metrics['train_pictures']}"),
        ("epochs, batch", f"{metrics['epochs']}, {recipe['batch']}"),
        ("seed", f"{metrics['seed']}"),
        ("weights", f"{metrics['size_bits']:,} bits ({metrics['size_bits'] / 8:,.0f} bytes)"),
    ]
    if macs_of(metrics):
        # of all layers: a twin's are real, and those of 8-bit ends are among them
        facts.append(("multiply-accumulates", f"{macs_of(metrics):,} an inference"))
    if "tflite_bytes" in metrics:
        digest = metrics["model_sha256"]
        facts.append(("model.tflite", f"{metrics['tflite_bytes']:,} bytes, sha256 `{digest}`"))
    facts += [
        ("method", str(recipe.get("source") or "–")),
        ("commit, versions", f"{str(metrics['commit'])[:12]}, {versions}"),
    ]
    lines = [f"# {recipe['name']}{synthetic}", ""]
    if not metrics.get("finished"):
        lines += [f"**Unfinished**: after {metrics['epochs']} of {recipe['epochs']} epochs.", ""]
    lines += ["```sh", command(recipe, metrics), "```", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts]
    lines += ["", "## Results", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _results(metrics)]
    if folds:
        lines += _folds(folds)
    if comparison:
        lines += _comparison(comparison)
    if metrics.get("real_person_pictures"):
        lines += _anecdote(metrics["real_person_pictures"])
    lines += ["", "## Limits", ""]
    lines += [f"- {text}" for text in limits(data)]
    return "\n".join(lines) + "\n"


def write_card(folder: Path) -> Path:
    """model_card.md of a run folder, from the files that lie there."""
    path = folder / "model_card.md"
    card = model_card(read_json(folder / "recipe.json"), read_json(folder / "metrics.json"))
    write_whole(path, card.encode())
    return path
