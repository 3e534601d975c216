"""One small JSON file for each arm and seed: what came out, and how to get it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train.results.arm import STEPS
from train.runfolder import write_whole

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
FIELDS = {"arm": str, "group": str, "seed": int, "commands": list, "commit": str}
# What a score must say of itself, or the page would leave a label out.
OF_SCORE = ("what", "data", "dataset_hash", "synthetic")
# The form of what the page reads: a type (float: any number or none), members of an object, or a
# list of what it holds. Names of "*" are numbers; those that end in "!" must be there.
FORM: Mapping[str, Any] = {
    "what": str, "recipe": str, "data": str, "split": str, "metric": str, "dataset_hash": str,
    "synthetic": bool, "kernels": str, "score": float, "accuracy": float, "float_score": float,
    "size_bits": float, "pictures": int, "overrides": {}, "data_options": {},
    "metrics": {"train_pictures": int, "epochs": float},
    "bench": {"total": float, "flash_bytes": float, "ram_bytes": float, "commit": str},
    "analysis": {"macs": float, "bops": float, "cycles": float},
    "float": {"size_bits": float, "cycles": float},
    "robustness": {"pictures": int, "ev": {"*": float}, "gamma": {"*": float}},
    "points": [{"accuracy!": float, "size_bits": float}],
    "failed": {"step!": str, "message!": str},
    "seconds": dict.fromkeys(STEPS, float),
}  # fmt: skip

Outcome = dict[str, Any]


def path_of(folder: Path, arm: str, seed: int) -> Path:
    return folder / f"{arm}-s{seed}.json"


def count_path(folder: Path, arm: str) -> Path:
    """Of an arm's instructions and sizes, which no seed changes."""
    return folder / f"{arm}-count.json"


def text_of(outcome: Mapping[str, Any]) -> str:
    """Sorted keys, one line an entry, so that a difference is a difference of lines."""
    return json.dumps(outcome, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def save(folder: Path, outcome: Mapping[str, Any]) -> Path:
    """Writes an outcome whole."""
    path = path_of(folder, outcome["arm"], outcome["seed"])
    write_whole(path, text_of(outcome).encode())
    return path


def save_count(folder: Path, found: Mapping[str, Any]) -> Path:
    """Writes an arm's count whole."""
    path = count_path(folder, found["arm"])
    write_whole(path, text_of(found).encode())
    return path


def _look(value: Any, form: Any, name: str) -> None:
    """Raises ValueError where a value is not of the form, see FORM; `name` leads to it."""
    if isinstance(form, type):
        number = value is None or (type(value) in (int, float) and not abs(value) >= 1 << 63)
        good = number if form is float else type(value) is form
    else:
        good = isinstance(value, dict if isinstance(form, Mapping) else list)
    if not good:
        raise ValueError(f"{name} is {str(value)[:40]!r}")
    if isinstance(form, list):
        for at, each in enumerate(value):
            _look(each, form[0], f"{name}[{at}]")
    elif isinstance(form, Mapping):
        for key, inner in form.items():
            for each in sorted(value, key=float) if key == "*" else [key.rstrip("!")]:
                leads = f"{name}.{each}".lstrip(".")
                if key.endswith("!") and value.get(each) is None:
                    raise ValueError(f"there is no {leads}")
                if each in value:
                    _look(value[each], inner, leads)


def load(path: Path) -> Outcome:
    """One outcome, or an arm's count.

    Raises:
        DataError: damaged, or a file of something else.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        for name, kind in FIELDS.items():
            if not isinstance(found.get(name), kind):
                raise ValueError(f"{name} is {found.get(name)!r}")
        names = (
            path_of(path.parent, found["arm"], found["seed"]),
            count_path(path.parent, found["arm"]),
        )
        if path not in names:
            raise ValueError(f"it holds {found['arm']}, seed {found['seed']}")
        _look(found, FORM, "")
        if found.get("score", found.get("accuracy")) is not None:
            _look(found, {f"{name}!": FORM[name] for name in OF_SCORE}, "")
    except (OSError, ValueError) as error:
        raise DataError(
            "a result file is damaged",
            where=f"{path.parent.name}/{path.name}",
            found=str(error)[:200],
            remedy="git checkout it, or delete it and run: make results",
        ) from None
    return found


def load_all(folder: Path) -> list[Outcome]:
    """All outcomes of a folder, by name."""
    return [load(path) for path in sorted(folder.glob("*-s[0-9]*.json"))]


def load_counts(folder: Path) -> dict[str, Outcome]:
    """Arm -> its count."""
    found = [load(path) for path in sorted(folder.glob("*-count.json"))]
    return {one["arm"]: one for one in found}


def failed(outcome: Mapping[str, Any]) -> bool:
    return "failed" in outcome
