"""Compares a board with LCE's interpreter: every element of every output, bit for bit.

The inputs are all 0, all 255, ramps, checkerboards, constant grays, real pictures and seeded
noise. A broken line is opened again and the comparison goes on where it stopped.

Writes runs/validate/<board>-<model>/validate.json, or unfinished.json when it could not go on;
neither with --corrupt.

Exit status 0: all equal. 1: mismatches. 2: it could not be done, with what was found so far.

Examples:
  python -m kit validate --board netduino2plus --model faces-wake --inputs 200
  python -m kit validate --mode host --model my.tflite --json -
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import BitWakeError, BoardError, DataError
from kit import boards, console, inputs, models
from kit.boards import Board
from kit.files import write_json
from kit.inputs import Arrays, Example
from kit.link.device import Device
from kit.link.replies import DTYPES, Info, Run, TensorInfo
from kit.models import Model
from kit.session import Session
from kit.verbs import shared

SHOWN_MISMATCHES = 8


@dataclass
class Tally:
    """The comparison so far."""

    inputs: int = 0
    mismatched_inputs: int = 0
    mismatched_elements: int = 0
    max_abs_diff: float = 0.0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, got: Arrays, wanted: Arrays) -> None:
        """Compares one input's outputs, by name."""
        self.inputs += 1
        wrong = 0
        for output in sorted(wanted):
            differ = different(got[output], wanted[output])
            count = int(differ.sum())
            if not count:
                continue
            wrong += count
            distance = gap(got[output], wanted[output])
            self.max_abs_diff = max(self.max_abs_diff, distance)
            at = tuple(int(i) for i in np.argwhere(differ)[0])
            if len(self.examples) < SHOWN_MISMATCHES:
                self.examples.append(
                    {
                        "input": name,
                        "output": output,
                        "elements": count,
                        "first": list(at),
                        "board": got[output][at].item(),
                        "oracle": wanted[output][at].item(),
                    }
                )
        self.mismatched_elements += wrong
        self.mismatched_inputs += bool(wrong)


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """The elements as unsigned integers of their width, so that NaN equals itself and -0 not 0."""
    whole = np.ascontiguousarray(array)
    return whole.view(f"u{whole.dtype.itemsize}")


def different(got: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two arrays of the same shape and type differ in any bit."""
    return np.asarray(bits(got) != bits(wanted))


def gap(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The largest absolute difference; infinite where either is no number."""
    where = different(got, wanted)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        apart = np.abs(got[where].astype(np.float64) - wanted[where].astype(np.float64))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --mode, --model, --inputs, --seed, --pictures, --port, --corrupt."""
    shared.board_argument(parser)
    parser.add_argument(
        "--mode",
        choices=("host", "emulator", "target"),
        help="host: the firmware as a process here; emulator: --board emulated; target: on --port",
    )
    shared.model_argument(parser)
    shared.port_argument(parser)
    parser.add_argument("--inputs", type=shared.positive, default=200, help="default 200")
    parser.add_argument("--seed", type=shared.seed, default=inputs.SEED, help="of the noise")
    parser.add_argument("--pictures", metavar="DIR", help="further pictures of the model's size")
    parser.add_argument(
        "--corrupt",
        action="store_true",
        help="flip one bit of one received output: the comparison must notice (negative control)",
    )


def run(args: argparse.Namespace) -> int:
    """Validates; 1 on mismatches."""
    board = boards.find("host" if args.mode == "host" else args.board)
    if args.mode == "host" and args.board not in (boards.DEFAULT, board.id):
        raise BoardError(
            "--mode host is the board `host`",
            found=f"--board {args.board}",
            remedy="leave one of the two out",
        )
    if args.mode == "emulator" and args.port:
        raise BoardError(
            "--mode emulator starts an emulator of its own",
            found=f"--port {args.port}",
            remedy="leave one of the two out",
        )
    if args.mode == "target" and not args.port:
        raise BoardError(
            "--mode target needs the board's serial port", remedy="--port /dev/ttyACM0"
        )
    model = shared.model_of(args)
    extra = more_pictures(args.pictures)
    oracle = load_oracle(model)
    firmware = shared.built(board, model)
    tally = Tally()
    result: dict[str, Any] = {}
    try:
        with shared.open_session(board, firmware, args.port) as session:
            info = session.attempt(Device.info)
            shared.check_identity(info, model, board)
            shared.check_build(info, session.attempt(Device.memory), firmware)
            result |= shared.provenance(board, info, model)
            examples = gather(info, model, extra, args.inputs, args.seed)
            compare(session, info, examples, oracle, tally, args.corrupt)
            result["restarts"] = session.restarts
    except shared.STOPS as error:
        result = report(args, board, model, tally, result, oracle.judges)
        if isinstance(error, BitWakeError):
            result["error"] = error.as_dict()
            error.reported = True  # type: ignore[attr-defined]
        keep(args, board, model, result, shared.UNFINISHED)
        if tally.inputs:
            console.say("stopped early; so far: " + verdict(result))
        raise
    result = report(args, board, model, tally, result, oracle.judges)
    keep(args, board, model, result, "validate.json")
    if not args.corrupt:
        folder = shared.run_folder("validate", board, model)
        (folder / shared.UNFINISHED).unlink(missing_ok=True)
    show(result)
    return 1 if tally.mismatched_inputs else 0


def keep(
    args: argparse.Namespace, board: Board, model: Model, result: dict[str, Any], name: str
) -> None:
    """Writes the result to the run folder, unless it was falsified, and where --json says."""
    if not args.corrupt:
        write_json(str(shared.run_folder("validate", board, model) / name), result)
    if args.json:
        write_json(args.json, result)


def load_oracle(model: Model) -> Any:
    """LCE's interpreter for the model.

    Raises:
        DependencyError: LCE is not installed.
    """
    try:
        from convert.oracle import Oracle

        return Oracle(model.path)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("larq_compute_engine", "tensorflow"):
            raise shared.full_set("validate") from error
        raise


def more_pictures(folder: str | None) -> list[Path]:
    """Pictures of a folder that the user named, sorted.

    Raises:
        DataError: there are none.
    """
    if folder is None:
        return []
    found = sorted(
        path for path in Path(folder).rglob("*") if path.suffix.lower() in models.PICTURE_SUFFIXES
    )
    if not found:
        what = "there are no pictures" if Path(folder).is_dir() else "this is no folder"
        remedy = "--pictures takes a folder of PNG, PPM, PGM, BMP or JPEG files"
        raise DataError(what, where=folder, remedy=remedy)
    return found


def gather(info: Info, model: Model, extra: list[Path], count: int, seed: int) -> list[Example]:
    """Patterns, pictures of the model and of --pictures, pictures of data sets, noise.

    Raises:
        DataError: a picture of --pictures has not the model's size, or the model takes none.
    """
    examples = inputs.examples(info.inputs, extra + model.pictures(), count, seed)
    if not inputs.takes_pictures(info.inputs):
        if extra:
            raise DataError(
                "--pictures are for models whose one input is a uint8 picture",
                found=", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in info.inputs),
                remedy="leave --pictures out: patterns and noise are compared",
            )
        return examples
    for path in extra:  # those behind the last input, too
        models.picture(path, info.inputs[0].shape)
    taken = sum(example.name.startswith("picture ") for example in examples)
    if taken < len(extra):
        console.say(
            f"{taken} of {len(extra)} --pictures are compared; a larger --inputs takes more"
        )
    # Pictures of the training data replace noise while there are fewer than half of it.
    noise = [at for at, example in enumerate(examples) if example.name.startswith("noise ")]
    spare = noise[: len(noise) // 2]
    tensor = info.inputs[0]
    for at, (name, pixels) in zip(spare, dataset_pictures(tensor, len(spare)), strict=False):
        examples[at] = Example(name, {tensor.name: pixels})
    return examples


def dataset_pictures(tensor: TensorInfo, count: int) -> list[tuple[str, NDArray[np.uint8]]]:
    """Test pictures of the data set `faces` in the model's size, when the full set is installed."""
    try:
        from train.data.registry import load

        split = load("faces").test
    except (ImportError, BitWakeError):
        return []
    from PIL import Image

    height, width, channels = tensor.shape
    found = []
    for index in range(min(count, len(split.images))):
        pixels = np.asarray(split.images[index], np.uint8)
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        image = image.convert("L" if channels == 1 else "RGB").resize((width, height))
        found.append((f"faces {index}", np.asarray(image, np.uint8).reshape(tensor.shape)))
    return found


def compare(
    session: Session,
    info: Info,
    examples: list[Example],
    oracle: Any,
    tally: Tally,
    corrupt: bool,
) -> None:
    """Runs every example on both sides; `tally` is right at every moment."""
    for at, example in enumerate(console.progress(examples, "compared")):
        frame = example.frame(info.inputs)
        done = session.attempt(partial(infer, frame=frame))
        got = {
            tensor.name: tensor.array(
                flip(done.outputs[tensor.index], corrupt and at == tensor.index == 0)
            )
            for tensor in info.outputs
        }
        tally.add(example.name, got, expected(oracle, example, info))


def infer(device: Device, frame: bytes) -> Run:
    """One inference without the probe."""
    return device.infer(frame)


def flip(content: bytes, wanted: bool) -> bytes:
    """The content with its lowest bit flipped, if wanted."""
    return bytes([content[0] ^ 1]) + content[1:] if wanted and content else content


def expected(oracle: Any, example: Example, info: Info) -> Arrays:
    """The interpreter's outputs by signature name, in the board's types and shapes.

    Raises:
        BoardError: board and flatbuffer disagree about names, types or sizes.
    """
    batch = {name: array[np.newaxis] for name, array in example.arrays.items()}
    outputs = oracle.predict(batch)
    wanted: dict[str, NDArray[Any]] = {}
    for tensor in info.outputs:
        array = outputs.get(tensor.name)
        kind = np.dtype(DTYPES[tensor.dtype])
        if array is None or array.dtype != kind or array.nbytes != tensor.n_bytes:
            known = {name: (str(a.dtype), a.nbytes) for name, a in sorted(outputs.items())}
            raise BoardError(
                "board and flatbuffer do not have the same outputs",
                where=f"output {tensor.name} ({tensor.dtype}, {tensor.n_bytes} bytes) of the board",
                found=f"the flatbuffer has {known}",
                remedy="this is a bug of the compiler; please report it with the model",
            )
        wanted[tensor.name] = array.reshape(tensor.shape)
    return wanted


def report(
    args: argparse.Namespace,
    board: Board,
    model: Model,
    tally: Tally,
    known: dict[str, Any],
    judges: str,
) -> dict[str, Any]:
    """The result for machines."""
    distance = tally.max_abs_diff
    return {
        "inputs": tally.inputs,
        "mismatched_inputs": tally.mismatched_inputs,
        "mismatched_elements": tally.mismatched_elements,
        "oracle": judges,
        "max_abs_diff": distance if np.isfinite(distance) else "inf",
        "board": board.id,
        "model": model.name,
        "model_sha256": model.sha256,
        "seed": args.seed,
        "asked": args.inputs,
        "complete": tally.inputs == args.inputs,
        "corrupted": args.corrupt,
        "mismatches": tally.examples,
        **{key: value for key, value in known.items() if key not in ("board", "model_sha256")},
    }


def verdict(result: dict[str, Any]) -> str:
    """One line for people."""
    return (
        f"{result['inputs']} inputs, {result['mismatched_inputs']} with mismatches, "
        f"{result['mismatched_elements']} mismatched elements against {result['oracle']} "
        f"(largest difference {result['max_abs_diff']:g})"
        if not isinstance(result["max_abs_diff"], str)
        else f"{result['inputs']} inputs, {result['mismatched_elements']} mismatched elements"
    )


def show(result: dict[str, Any]) -> None:
    """The verdict, its origin, and the first mismatches."""
    shared.say_provenance(result)
    if result["corrupted"]:
        console.say("one bit of the first output was flipped on purpose")
    if result["mismatches"]:
        rows = [
            (m["input"], m["output"], m["first"], m["board"], m["oracle"], m["elements"])
            for m in result["mismatches"]
        ]
        columns = ("input", "output", "first at", "#board", "#oracle", "#elements")
        console.table("first mismatches", columns, rows)
    console.say(verdict(result))
