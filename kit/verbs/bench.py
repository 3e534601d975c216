"""Measures a model on a board, layer by layer, and writes table, CSV and JSON.

The same inputs are run twice; on an emulated board both counts must be equal to the last
instruction. The figures are those of the slowest input. An emulated board counts instructions:
that is no time and no number of cycles.

Writes runs/bench/<board>-<model>/: bench.csv (the header of TensorFlow Lite Micro's profiler),
layers.csv, bench.json.

Examples:
  python -m kit bench --board netduino2plus --model scenes-wake
  python -m kit bench --model my.tflite --json -
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kit import boards, console, inputs, models
from kit.boards import Board
from kit.files import shown, write_json, write_whole
from kit.inputs import Example
from kit.link.device import Device
from kit.link.replies import Info, LayerRow, Run
from kit.models import Model
from kit.session import Session
from kit.verbs import shared

NOISES = 2
PATTERNS = ("all 0", "all 255", "ramp to the right", "checkerboard of 1")


@dataclass(frozen=True)
class Measured:
    """What a bench brings home; `runs[input][repetition]`."""

    info: Info
    rows: list[LayerRow]
    memory: dict[str, int]
    names: list[str]
    runs: list[list[Run]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --model, --port, --repeat, --seed."""
    shared.board_argument(parser)
    shared.model_argument(parser)
    shared.port_argument(parser)
    parser.add_argument(
        "--repeat",
        type=shared.positive,
        default=2,
        help="runs an input; default 2, 1 compares nothing",
    )
    parser.add_argument("--seed", type=shared.seed, default=inputs.SEED, help="of the noise inputs")


def run(args: argparse.Namespace) -> int:
    """Measures; 1 when an emulated board does not count the same twice."""
    board = boards.find(args.board)
    model = shared.model_of(args)
    firmware = shared.built(board, model)
    folder = shared.run_folder("bench", board, model)

    def keep(some: Measured, share: str) -> None:
        """The runs of a bench that is stopped."""
        write_json(str(folder / shared.UNFINISHED),
                   {**summary(board, model, some), "complete": False, "runs": share})  # fmt: skip
        console.say(f"stopped early; {share} runs are in {shown(folder / shared.UNFINISHED)}")

    with shared.open_session(board, firmware, args.port) as session:
        info = session.attempt(Device.info)
        shared.check_identity(info, model, board)
        shared.check_build(info, session.attempt(Device.memory), firmware)
        measured = measure(session, info, model, args.repeat, args.seed, keep)
    result = summary(board, model, measured)
    result |= {
        "flash_bytes": firmware.sizes.flash,
        "ram_bytes": firmware.sizes.ram,
        "arena_bytes": measured.memory["arena"],
        "stack_bytes": measured.memory["stack_used"],
        "stack_size": measured.memory["stack_size"],
        "weights_bytes": firmware.weights_bytes,
        "seed": args.seed,
        "restarts": session.restarts,
    }
    write_whole(folder / "bench.csv", tflm_csv(result["layers"]).encode())
    write_whole(folder / "layers.csv", layer_csv(result["layers"]).encode())
    write_json(str(folder / "bench.json"), result)
    (folder / shared.UNFINISHED).unlink(missing_ok=True)
    if args.json:
        write_json(args.json, result)
    show(result)
    console.say(f"written: {shown(folder)}/{{bench.csv,layers.csv,bench.json}}")
    if result["unit"] == "instructions" and result["repeatable"] is False:
        console.say("error: the emulated board counted differently the second time")
        return 1
    return 0


def measure(
    session: Session,
    info: Info,
    model: Model,
    repeat: int,
    seed: int,
    keep: Callable[[Measured, str], None],
) -> Measured:
    """Runs every input `repeat` times.

    Args:
        keep: takes what was measured, and how many runs of all that is, when it ends early.
    """
    rows = session.attempt(Device.layers)
    examples = choose(info, model, seed)
    jobs = [(at, example) for _ in range(repeat) for at, example in enumerate(examples)]
    runs: list[list[Run]] = [[] for _ in examples]
    names = [example.name for example in examples]
    try:
        for at, example in console.progress(jobs, f"{model.name} on {session.board.id}"):
            frame = example.frame(info.inputs)
            runs[at].append(session.attempt(partial(profile, frame=frame)))
        again = partial(profile, frame=examples[-1].frame(info.inputs))
        memory = shared.memory_behind(session, again)
    except shared.STOPS:
        if runs[0]:
            count = sum(bool(each) for each in runs)  # inputs are run in their order
            some = Measured(info, rows, {}, names[:count], runs[:count])
            keep(some, f"{sum(map(len, runs))} of {len(jobs)}")
        raise
    return Measured(info, rows, memory, names, runs)


def profile(device: Device, frame: bytes) -> Run:
    """One inference with every layer timed."""
    return device.infer(frame, layers=True)


def choose(info: Info, model: Model, seed: int) -> list[Example]:
    """The fixed inputs: four patterns, two noises, and the model's first picture if it has one."""
    count = sum(1 for _ in inputs.patterns(info.inputs[0].shape))
    plain = inputs.examples(info.inputs, [], count + NOISES, seed)
    chosen = [example for example in plain[:count] if example.name in PATTERNS] + plain[count:]
    pictures = model.pictures()[:1]
    if pictures and inputs.takes_pictures(info.inputs):
        pixels = models.picture(pictures[0], info.inputs[0].shape)
        chosen.append(Example(f"picture {pictures[0].name}", {info.inputs[0].name: pixels}))
    return chosen


def summary(board: Board, model: Model, measured: Measured) -> dict[str, Any]:
    """The figures: of each input its fastest run, of all inputs the slowest."""
    best = [min(runs, key=lambda run: run.total) for runs in measured.runs]
    worst = max(range(len(best)), key=lambda at: best[at].total)
    ticks = best[worst].layers
    layers = [
        {
            "index": row.index,
            "op": row.op,
            "name": row.name,
            "ticks": ticks.get(row.index, 0),
            "macs": row.macs,
            "kind": row.kind,
        }
        for row in measured.rows
    ]
    return {
        **shared.provenance(board, measured.info, model),
        "total": best[worst].total,
        "input": measured.names[worst],
        "layers": layers,
        "layers_total": sum(ticks.values()),
        "repeatable": repeatable(measured.runs),
        "inputs": [
            {"name": name, "totals": [run.total for run in runs]}
            for name, runs in zip(measured.names, measured.runs, strict=True)
        ],
    }


def repeatable(inputs: Sequence[Sequence[Run]]) -> bool | None:
    """Whether every run of an input counted the same; None where none had a second run."""
    if all(len(runs) < 2 for runs in inputs):
        return None
    return all(
        run.total == runs[0].total and run.layers == runs[0].layers
        for runs in inputs
        for run in runs
    )


def show(result: dict[str, Any]) -> None:
    """The table for people."""
    shared.say_provenance(result)
    total = max(result["total"], 1)
    rows = [
        (
            layer["index"],
            layer["op"],
            layer["kind"],
            layer["macs"] or None,
            layer["ticks"],
            f"{layer['ticks'] / total:.1%}",
            layer["ticks"] / layer["macs"] if layer["macs"] else None,
            layer["name"],
        )
        for layer in result["layers"]
    ]
    unit = result["unit"]
    columns = ("#", "op", "kind", "#MACs", f"#{unit}", "#share", "#per MAC", "layer")
    console.table(f"{result['model']} on {result['board']}", columns, rows)
    totals = [min(entry["totals"]) for entry in result["inputs"]]
    console.say(
        f"total {result['total']:,} {unit} (slowest of {len(totals)} inputs: {result['input']}; "
        f"fastest {min(totals):,})\n"
        f"sum of layers {result['layers_total']:,}: readings of the clock before the first layer "
        "and behind the last one are the difference"
    )
    console.say(
        f"flash {result['flash_bytes']:,} B, RAM {result['ram_bytes']:,} B (arena "
        f"{result['arena_bytes']:,}, stack used {result['stack_bytes']:,} of "
        f"{result['stack_size']:,})"
    )


def tflm_csv(layers: Sequence[dict[str, Any]]) -> str:
    """Rows as TensorFlow Lite Micro's MicroProfiler logs them, so that its tools read them."""
    rows = [(layer["index"], layer["op"], layer["ticks"]) for layer in layers]
    return _csv(("Event", "Tag", "Ticks"), rows, csv.QUOTE_NONNUMERIC)


def layer_csv(layers: Sequence[dict[str, Any]]) -> str:
    """All fields of the layers."""
    fields = ("index", "op", "name", "kind", "macs", "ticks")
    return _csv(fields, [[layer[name] for name in fields] for layer in layers], csv.QUOTE_MINIMAL)


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]], quoting: Any) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=quoting)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
