"""What one demo run found out: plain records, their figures, JSON and CSV.

Every figure on the page, in the terminal and in the files is computed here once, so that they
cannot differ.
"""

from __future__ import annotations

import csv
import io
import statistics
from dataclasses import dataclass, replace
from typing import Any

from kit.report.stats import percent, wilson

SCHEMA = 1


@dataclass(frozen=True)
class Place:
    """Where and how the firmware ran.

    ``unit`` says what a tick is: ``instructions`` (emulated), ``cycles`` (silicon) or
    ``nanoseconds`` (this machine). Limits are in bytes; 0 means that the board has none.
    """

    board: str
    title: str
    core: str
    emulated: bool
    unit: str
    compiler: str
    flags: str
    commit: str
    flash_limit: int
    ram_limit: int

    @property
    def where(self) -> str:
        """The board in a sentence."""
        if self.unit == "nanoseconds":
            return "this machine"
        return f"an emulated {self.title}" if self.emulated else f"a {self.title}"


@dataclass(frozen=True)
class Picture:
    """One picture and what the board said of it.

    ``probabilities`` are the board's own (``m-results``, three decimals). ``output`` holds the raw
    bytes of the model's output as hexadecimal, ``recorded`` those of LCE's interpreter, empty where
    none were recorded. ``ticks`` counts ``Place.unit``.
    """

    index: int
    file: str
    label: int
    verdict: int
    probabilities: tuple[float, ...]
    ticks: int
    output: str
    recorded: str
    png: bytes

    @property
    def right(self) -> bool:
        return self.verdict == self.label

    @property
    def confidence(self) -> float:
        """The probability of the class that was chosen."""
        return self.probabilities[self.verdict]

    @property
    def bit_exact(self) -> bool | None:
        """Whether the output equals LCE's, bit for bit; ``None`` where nothing was recorded."""
        return self.output == self.recorded if self.recorded else None


@dataclass(frozen=True)
class Layer:
    """One layer's cost: ``ticks`` in the unit of the place, ``kind`` binary, int8 or other."""

    index: int
    op: str
    name: str
    kind: str
    macs: int
    ticks: int


@dataclass(frozen=True)
class Memory:
    """Bytes, as the linker and the board report them.

    ``ram`` is what the linker gives out: variables, the arena, and the ``stack_size`` bytes that it
    reserves for the stack. ``stack_used`` is the high-water mark that the board found by painting;
    0 where it was not asked.
    """

    flash: int
    ram: int
    arena: int
    weights: int
    stack_used: int
    stack_size: int


@dataclass(frozen=True)
class ModelRun:
    """One model on the board; ``shape`` is its picture's height, width and channels."""

    name: str
    data: str
    split: str
    seed: str
    synthetic: bool | None
    labels: tuple[str, ...]
    sha256: str
    planned: int
    notes: tuple[str, ...] = ()
    """Sentences that belong to the accuracy."""
    shape: tuple[int, int, int] = (0, 0, 0)
    pictures: tuple[Picture, ...] = ()
    layers: tuple[Layer, ...] = ()
    memory: Memory | None = None
    stopped: str = ""
    """Why it ended before the last picture; empty when it did not."""

    @property
    def right(self) -> int:
        return sum(picture.right for picture in self.pictures)

    @property
    def total(self) -> int:
        return len(self.pictures)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return wilson(self.right, self.total)

    @property
    def origin(self) -> str:
        """What kind of pictures the figures are of; None of `synthetic` is: nobody told."""
        if self.synthetic is None:
            return "pictures of unknown origin"
        return "synthetic" if self.synthetic else "real photographs"

    @property
    def doubt(self) -> str:
        """A sentence when these pictures cannot tell the network from a constant answer."""
        if not self.pictures:
            return ""
        labels = [picture.label for picture in self.pictures]
        common = max(sorted(set(labels)), key=labels.count)
        chance = labels.count(common) / len(labels)
        if self.interval[0] > chance:
            return ""
        return (
            f"Always answering “{self.label_name(common)}” would get {percent(chance)} of these "
            "pictures, which the interval does not exclude: so few pictures do not show that the "
            "network sees anything."
        )

    @property
    def compared(self) -> int:
        """Pictures for which LCE's output was recorded."""
        return sum(picture.bit_exact is not None for picture in self.pictures)

    @property
    def equal(self) -> int:
        """Pictures whose output equals the recorded one, bit for bit."""
        return sum(picture.bit_exact is True for picture in self.pictures)

    @property
    def ticks(self) -> int | None:
        """The median over the pictures of the ticks that one inference takes."""
        if not self.pictures:
            return None
        return round(statistics.median(picture.ticks for picture in self.pictures))

    @property
    def complete(self) -> bool:
        return self.total == self.planned and not self.stopped

    def label_name(self, index: int) -> str:
        """The name of a class; its number where the model carries no names."""
        return self.labels[index] if 0 <= index < len(self.labels) else f"class {index}"

    def stop(self, reason: str) -> ModelRun:
        return replace(self, stopped=reason)


@dataclass(frozen=True)
class Demo:
    """The whole run."""

    place: Place
    models: tuple[ModelRun, ...]

    @property
    def complete(self) -> bool:
        return bool(self.models) and all(model.complete for model in self.models)

    @property
    def stopped(self) -> str:
        """Why the run ended early; empty when it did not."""
        return next((model.stopped for model in self.models if model.stopped), "")


def as_dict(demo: Demo) -> dict[str, Any]:
    """The run as JSON values; no times of day, so that equal runs give equal files."""
    place = {
        key: getattr(demo.place, key)
        for key in (
            "board",
            "title",
            "core",
            "emulated",
            "unit",
            "compiler",
            "flags",
            "commit",
            "flash_limit",
            "ram_limit",
        )
    }
    return {
        "schema": SCHEMA,
        "ok": demo.complete,
        "stopped": demo.stopped,
        **place,
        "models": [_model(model) for model in demo.models],
    }


def _model(run: ModelRun) -> dict[str, Any]:
    low, high = run.interval
    memory = run.memory
    ticks = [picture.ticks for picture in run.pictures]
    return {
        "model": run.name,
        "model_sha256": run.sha256,
        "data": run.data,
        "split": run.split,
        "seed": run.seed,
        "synthetic": run.synthetic,
        "labels": list(run.labels),
        "planned": run.planned,
        "notes": list(run.notes),
        "doubt": run.doubt,
        "input_shape": list(run.shape),
        "stopped": run.stopped,
        "accuracy": {
            "right": run.right,
            "total": run.total,
            "value": run.right / run.total if run.total else None,
            "wilson95": [low, high],
        },
        "total": run.ticks,
        "total_min": min(ticks, default=None),
        "total_max": max(ticks, default=None),
        "bit_exact": {
            "oracle": "recorded LCE outputs",
            "compared": run.compared,
            "equal": run.equal,
        },
        "flash_bytes": memory.flash if memory else None,
        "ram_bytes": memory.ram if memory else None,
        "arena_bytes": memory.arena if memory else None,
        "weights_bytes": memory.weights if memory else None,
        "stack_bytes": memory.stack_used if memory else None,
        "stack_size_bytes": memory.stack_size if memory else None,
        "layers": [
            {key: getattr(layer, key) for key in ("index", "op", "name", "ticks", "macs", "kind")}
            for layer in run.layers
        ],
        "pictures": [_picture(run, picture) for picture in run.pictures],
    }


def _picture(run: ModelRun, picture: Picture) -> dict[str, Any]:
    return {
        "index": picture.index,
        "file": picture.file,
        "truth": run.label_name(picture.label),
        "verdict": run.label_name(picture.verdict),
        "right": picture.right,
        "confidence": picture.confidence,
        "probabilities": list(picture.probabilities),
        "ticks": picture.ticks,
        "bit_exact": picture.bit_exact,
        "output_hex": picture.output,
    }


def as_csv(demo: Demo) -> str:
    """One row a picture."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        [
            "model",
            "data",
            "synthetic",
            "board",
            "index",
            "file",
            "truth",
            "verdict",
            "right",
            "confidence",
            "ticks",
            "unit",
            "bit_exact",
        ]
    )
    for run in demo.models:
        for picture in run.pictures:
            exact = "" if picture.bit_exact is None else int(picture.bit_exact)
            rows.writerow(
                [
                    run.name,
                    run.data,
                    "" if run.synthetic is None else int(run.synthetic),
                    demo.place.board,
                    picture.index,
                    picture.file,
                    run.label_name(picture.label),
                    run.label_name(picture.verdict),
                    int(picture.right),
                    f"{picture.confidence:.3f}",
                    picture.ticks,
                    demo.place.unit,
                    exact,
                ]
            )
    return out.getvalue()
