"""Reads what benchmarks and training runs left behind, and joins it by the model file's digest.

A benchmark (`runs/bench/*/bench.json`) names the SHA-256 of the model that it measured; a score
(`metrics.json` of a training run or of a shipped model) belongs to the `model.tflite` beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.files import ROOT, sha256, shown
from kit.report.stats import wilson
from kit.report.weigh import INT8, weigh

MOST = 1 << 53  # above, statistics in float64 have no meaning, or overflow
REAL_BLOCK = '"kind": "train.models.blocks.real.Real"'  # in recipe.json of an 8-bit twin
NAME = re.compile(r"[\w.+=-]{1,80}")


@dataclass(frozen=True)
class Score:
    """An accuracy with its conditions; `sha256` is empty where no model file lies beside it.

    `form` is binary, int8 or float where that is known, and `size_bits` are of the weights in that
    form; `cycles` are those of a systolic array (convert.analysis), 0 where there is no flatbuffer
    to count. `file` is the flatbuffer where it has no name in models/.
    """

    name: str
    source: str
    accuracy: float
    pictures: int
    data: str
    split: str
    seed: str
    synthetic: bool
    size_bits: int
    sha256: str
    form: str = ""
    cycles: int = 0
    file: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval; the accuracy itself where the number of pictures is unknown."""
        if not self.pictures:
            return self.accuracy, self.accuracy
        return wilson(round(self.accuracy * self.pictures), self.pictures)


@dataclass(frozen=True)
class Cost:
    """A benchmark: `ticks` of one inference in `unit`, sizes in bytes."""

    model: str
    sha256: str
    source: str
    board: str
    core: str
    unit: str
    ticks: int
    flash: int
    ram: int
    arena: int
    stack: int
    weights: int
    compiler: str
    flags: str
    commit: str


@dataclass(frozen=True)
class Row:
    """One line of the report: a model on a board, or only half of that."""

    score: Score | None
    cost: Cost | None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.score.name if self.score else self.cost.model if self.cost else ""


@dataclass(frozen=True)
class Collected:
    """Everything found; `left_out` holds (file, reason)."""

    rows: tuple[Row, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def scores(self) -> int:
        return sum(row.score is not None for row in self.rows)

    @property
    def costs(self) -> int:
        return sum(row.cost is not None for row in self.rows)


class _NotUsableError(Exception):
    """Why a file is left out."""


def collect(runs: Path = ROOT / "runs", models: Path = ROOT / "models") -> Collected:
    """Reads both folders; a file that cannot be used is named in `left_out`."""
    left_out: list[tuple[str, str]] = []
    scores: list[Score] = []
    costs: list[Cost] = []
    # Shipped models first: a run whose model was shipped is the same model.
    for path in [*sorted(models.glob("*/metrics.json")), *sorted(runs.glob("*/metrics.json"))]:
        try:
            score = _score(path, _read(path))
        except _NotUsableError as error:
            left_out.append((shown(path), str(error)))
            continue
        if not score.sha256 or score.sha256 not in {known.sha256 for known in scores}:
            scores.append(score)
    for path in sorted(runs.glob("*/comparison.json")):
        try:
            scores += _eight_bit(path, _read(path))
        except _NotUsableError as error:
            left_out.append((shown(path), str(error)))
    for path in sorted(runs.glob("bench/*/bench.json")):
        try:
            costs.append(_cost(path, _read(path)))
        except _NotUsableError as error:
            left_out.append((shown(path), str(error)))
    return Collected(tuple(join(scores, costs)), tuple(left_out))


def join(scores: Sequence[Score], costs: Sequence[Cost]) -> Iterator[Row]:
    """Every score with every board that its model ran on; then what has no partner."""
    for score in scores:
        partners = [cost for cost in costs if score.sha256 and cost.sha256 == score.sha256]
        yield from (Row(score, cost) for cost in partners)
        if not partners:
            yield Row(score, None)
    known = {score.sha256 for score in scores if score.sha256}
    yield from (Row(None, cost) for cost in costs if cost.sha256 not in known)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate fits no page
    except (OSError, ValueError) as error:
        raise _NotUsableError(f"cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise _NotUsableError("no JSON object")
    return found


def _count(found: dict[str, Any], name: str, least: int = 0) -> int:
    """A whole number of a file; 0 where it is absent."""
    value = found.get(name) or 0
    if not isinstance(value, (int, float)) or not least <= value < MOST:
        raise _NotUsableError(f"{name} is {value!r}")
    return int(value)


def _needed(found: dict[str, Any], name: str, least: int = 0) -> int:
    """A whole number that the file must have.

    Raises:
        KeyError: it has not.
    """
    return _count({name: found[name]}, name, least)


def _text(found: dict[str, Any], name: str) -> str:
    """A word of a file."""
    if not isinstance(found[name], str):
        raise _NotUsableError(f"{name} is {found[name]!r}")
    return str(found[name])


def _name(found: dict[str, Any], name: str) -> str:
    """A word of a file that becomes part of a plot's file name."""
    if not NAME.fullmatch(_text(found, name)):
        raise _NotUsableError(f"{name} is {found[name][:60]!r}")
    return _text(found, name)


def _accuracy(found: dict[str, Any]) -> float:
    """A share that must be there.

    Raises:
        KeyError: it is not.
    """
    value = float(found["accuracy"])
    if not 0.0 <= value <= 1.0:
        raise _NotUsableError(f"an accuracy of {value:g}")
    return value


def _score(path: Path, found: dict[str, Any]) -> Score:
    if found.get("finished") is False:
        raise _NotUsableError(f"the training is not finished (epoch {found.get('epochs', '?')})")
    model = path.with_name("model.tflite")
    weight = weigh(model) or weigh(path.with_name(INT8), real=True)
    form = weight.form if weight else _form(path, found)
    try:
        return Score(
            name=path.parent.name,
            source=shown(path),
            accuracy=_accuracy(found),
            pictures=_count(found, "pictures"),
            data=_name(found, "data"),
            split=str(found.get("split", "unknown")),
            seed=str(found.get("seed", "unknown")),
            synthetic=bool(found.get("synthetic", str(found["data"]).startswith("scenes"))),
            size_bits=weight.weight_bits if weight else _size_bits(found, form),
            sha256=sha256(model.read_bytes()) if model.is_file() else "",
            form=form,
            file="" if path.parents[1].name == "models" else shown(model),
            cycles=weight.cycles if weight else 0,
        )
    except KeyError as error:
        raise _NotUsableError(f"no field {error}") from error
    except (TypeError, ValueError) as error:
        raise _NotUsableError(f"a field of the wrong type: {error}") from error


def _form(path: Path, found: dict[str, Any]) -> str:
    """The form of a run without a flatbuffer: that of the weights that it was scored with."""
    if "weights" in found:
        return {"binary": "binary", "float32": "float"}.get(str(found["weights"]), "")
    # Records of earlier versions do not tell; of those without a count the weights are real.
    try:
        net = path.with_name("recipe.json").read_text("utf-8")
    except (OSError, ValueError):
        net = ""
    return "binary" if _macs(found) and REAL_BLOCK not in net else "float"


def _macs(found: dict[str, Any]) -> int:
    """Multiply-accumulates; 0 of a network that nobody counted. Earlier versions call them bops."""
    return _count(found, "macs") or _count(found, "bops")


def _size_bits(found: dict[str, Any], form: str) -> int:
    """Bits of the weights; a network that was counted has its real ones counted with 8 bits each,
    which they have once it is quantized."""
    counted = _count(found, "size_bits")
    return 4 * counted if form == "float" and _macs(found) else counted


def _eight_bit(path: Path, found: dict[str, Any]) -> list[Score]:
    """The 8-bit forms in a comparison of runs that lie beside it."""
    scores = []
    try:
        for row in found["rows"]:
            model = path.parents[1] / str(row["run"]) / INT8
            if row["weights"] != "int8" or "accuracy" not in row or not model.is_file():
                continue
            weight = weigh(model)
            scores.append(
                Score(
                    name=f"{row['run']}, int8",
                    source=shown(path),
                    accuracy=_accuracy(row),
                    pictures=_count(row, "pictures"),
                    data=_name(found, "data"),
                    split=str(found.get("split", "unknown")),
                    seed=str(row.get("seed", "unknown")),
                    synthetic=bool(found.get("synthetic")),
                    size_bits=weight.weight_bits if weight else 8 * int(row["weight_bytes"]),
                    sha256=sha256(model.read_bytes()),
                    form="int8",
                    file=shown(model),
                    cycles=weight.cycles if weight else 0,
                )
            )
    except KeyError as error:
        raise _NotUsableError(f"no field {error}") from error
    except (TypeError, ValueError, AttributeError, OSError) as error:
        raise _NotUsableError(f"a field of the wrong type: {error}") from error
    return scores


def _cost(path: Path, found: dict[str, Any]) -> Cost:
    try:
        return Cost(
            model=str(found["model"]),
            sha256=str(found["model_sha256"]),
            source=shown(path),
            ticks=_needed(found, "total", least=1),
            flash=_needed(found, "flash_bytes"),
            ram=_needed(found, "ram_bytes"),
            arena=_needed(found, "arena_bytes"),
            stack=_needed(found, "stack_bytes"),
            weights=_count(found, "weights_bytes"),
            board=_name(found, "board"),
            **{name: str(found[name]) for name in ("core", "unit", "compiler", "flags", "commit")},
        )
    except KeyError as error:
        raise _NotUsableError(f"no field {error}") from error
    except (TypeError, ValueError) as error:
        raise _NotUsableError(f"a field of the wrong type: {error}") from error
