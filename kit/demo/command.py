"""Runs the shipped models on an emulated board and shows what it says of every test picture.

Each model is compiled, built into firmware and started; its test pictures go over the serial line;
every verdict, confidence and cost comes from the board. Nothing is downloaded.

Writes runs/demo/: index.html (opens without a server), results.json, results.csv, layers.csv and a
plot for each model. Ctrl-C, or a board that dies for good, ends the run with what was answered.

Exit status 0: all pictures answered, every recorded output of LCE met bit for bit. 1: an output
differs. 2: it could not be finished. 130: Ctrl-C.

Examples:
  python -m kit demo
  python -m kit demo --model faces-wake --pictures 8
  python -m kit demo --board host --out runs/demo-host --json -
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.errors import BitWakeError, ModelError
from kit import boards, console, models
from kit.boards import Board
from kit.demo import album, page, play, plots, results, screen
from kit.demo.album import Album
from kit.demo.results import Demo, ModelRun, Place
from kit.files import ROOT, shown, write_json
from kit.models import Model
from kit.report.files import check, publish
from kit.verbs import shared

SHOWN = ("scenes-wake", "faces-wake")  # in this order


@dataclass(frozen=True)
class Performance:
    """What was played, and what ended it early."""

    demo: Demo | None
    ended: BaseException | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --model, --pictures, --out, --port."""
    shared.board_argument(parser)
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"a name in models/, or a folder; may be repeated (default {', '.join(SHOWN)})",
    )
    parser.add_argument(
        "--pictures", type=shared.positive, default=0, metavar="N", help="of each model (all)"
    )
    parser.add_argument("--out", metavar="DIR", help="default runs/demo")
    shared.port_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Plays, writes, sums up."""
    board = boards.find(args.board)
    chosen = choose(args.model)
    if args.port and len(chosen) > 1:
        raise BitWakeError(
            "a board that runs already holds one model",
            found=", ".join(model.name for model in chosen),
            remedy="name the one that was flashed: --model NAME",
        )
    folder = Path(args.out) if args.out else ROOT / "runs" / "demo"
    check(folder)
    programme = [(model, album.read(model, args.pictures)) for model in chosen]
    done = perform(board, programme, args.port)
    if done.demo is None:
        assert done.ended is not None
        raise done.ended
    files = write(folder, done.demo)
    result = results.as_dict(done.demo)
    if isinstance(done.ended, BitWakeError):
        result["error"] = done.ended.as_dict()
        done.ended.reported = True  # type: ignore[attr-defined]
    if args.json:
        write_json(args.json, result)
    conclude(done.demo, folder, files)
    if done.ended is not None:
        raise done.ended
    return 0 if all(run.equal == run.compared for run in done.demo.models) else 1


def choose(named: Sequence[str] | None) -> list[Model]:
    """The models to show.

    Raises:
        ModelError: none are shipped.
    """
    if named:
        return [models.find(name) for name in named]
    names = [name for name in SHOWN if name in models.shipped()]
    if not names:
        raise ModelError(
            "this checkout ships no models for the demo",
            where=shown(models.MODELS),
            found=", ".join(models.shipped()) or "no model there",
            remedy="git checkout models, or name one: --model FOLDER",
        )
    return [models.find(name) for name in names]


def perform(
    board: Board, programme: Sequence[tuple[Model, Album]], port: str | None
) -> Performance:
    """Plays one model after the other; stops at the first that cannot be finished."""
    runs: list[ModelRun] = []
    place: Place | None = None
    ended: BaseException | None = None
    for model, pictures in programme:
        if ended is not None:
            runs.append(play.waiting(model, pictures).stop("not started"))
            continue
        try:
            console.say(f"{model.name}: {len(pictures.entries)} pictures, {board.name}")
            firmware = shared.built(board, model)
        except play.ENDINGS as error:
            ended = error
            runs.append(play.waiting(model, pictures).stop(play.reason(error)))
            continue
        with screen.live() as view:
            played = play.play(firmware, pictures, port, view)
        runs.append(played.run)
        place, ended = place or played.place, played.ended
    # Without a single answer there is nothing to show, and what the last demo wrote stays.
    if place is None or not any(run.total for run in runs):
        return Performance(None, ended)
    return Performance(Demo(place, tuple(runs)), ended)


def write(folder: Path, demo: Demo) -> list[Path]:
    """Writes all files, or none."""
    shown_runs = [run for run in demo.models if run.layers]
    files = {f"layers-{run.name}.png": plots.layers(run, demo.place) for run in shown_runs}
    files["results.json"] = (json.dumps(results.as_dict(demo), indent=2) + "\n").encode()
    files["results.csv"] = results.as_csv(demo).encode()
    files["layers.csv"] = layers_csv(demo).encode()
    names = tuple(sorted(files))
    return publish(folder, {**files, "index.html": page.render(demo, names).encode()})


def layers_csv(demo: Demo) -> str:
    """One row a layer."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("model", "board", "index", "op", "name", "kind", "macs", "ticks", "unit"))
    for run in demo.models:
        for layer in run.layers:
            fields = (layer.index, layer.op, layer.name, layer.kind, layer.macs, layer.ticks)
            rows.writerow((run.name, demo.place.board, *fields, demo.place.unit))
    return out.getvalue()


def conclude(demo: Demo, folder: Path, files: Sequence[Path]) -> None:
    """The figures and where the rest is."""
    for played in demo.models:
        screen.layers(played, demo.place)
    screen.summary(demo)
    if demo.stopped:
        console.say(f"stopped early: {demo.stopped}; what was answered is kept")
    names = ",".join(path.name for path in files if path.name != "index.html")
    console.say(f"written: {shown(folder)}/{{{names}}}")
    console.say(f"open {shown(folder)}/index.html in a browser")
