"""Plays a model's album on the board, picture by picture, and keeps whatever was answered."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from convert.errors import BitWakeError, BoardError
from kit.boards import Board
from kit.build import Firmware
from kit.demo import album
from kit.demo.album import Album, Entry
from kit.demo.results import Layer, Memory, ModelRun, Picture, Place
from kit.inputs import takes_pictures
from kit.link.device import Device
from kit.link.replies import Info, LayerRow, Run
from kit.models import Model, picture
from kit.session import Session
from kit.verbs import shared

# What may end a run before its last picture; everything else is a bug.
ENDINGS = (BitWakeError, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True)
class Played:
    """One model's run, where it ran (None when the board never answered), and what ended it."""

    run: ModelRun
    place: Place | None
    ended: BaseException | None


def waiting(model: Model, pictures: Album) -> ModelRun:
    """A run before its first picture."""
    return ModelRun(
        name=model.name,
        data=pictures.data,
        split=pictures.split,
        seed=pictures.seed,
        synthetic=pictures.synthetic,
        labels=pictures.labels,
        sha256=model.sha256,
        planned=len(pictures.entries),
        notes=pictures.notes,
    )


def play(
    firmware: Firmware,
    pictures: Album,
    port: str | None,
    watch: Callable[[ModelRun, Place], None],
) -> Played:
    """Starts the board and sends it every picture.

    Args:
        firmware: built from the model.
        pictures: what to send.
        port: serial port of a board that runs already; None starts the emulator.
        watch: called before the first picture and after every answer.
    """
    run, place = waiting(firmware.model, pictures), None
    try:
        with shared.open_session(firmware.board, firmware, port) as session:
            info = session.attempt(Device.info)
            shared.check_identity(info, firmware.model, firmware.board)
            shared.check_build(info, session.attempt(Device.memory), firmware)
            place = place_of(firmware.board, info, firmware.model)
            run = replace(run, labels=run.labels or tuple(info.labels))
            run = replace(run, shape=shape_of(info))
            frames = [frame(entry, info) for entry in pictures.entries]
            told = tells_probabilities(info, session.attempt(Device.layers))
            watch(run, place)
            for index, (entry, content) in enumerate(zip(pictures.entries, frames, strict=True)):
                done = session.attempt(partial(_infer, frame=content))
                answered = answer(index, entry, done, told)
                run = replace(run, pictures=(*run.pictures, answered))
                if index == 0:
                    run = replace(run, layers=profile(session, content), memory=_memory(firmware))
                watch(run, place)
            memory = shared.memory_behind(session, partial(_infer, frame=frames[-1]))
            run = replace(run, memory=_memory(firmware, memory))
    except ENDINGS as error:
        return Played(run.stop(reason(error)), place, error)
    return Played(run, place, None)


def _infer(device: Device, frame: bytes) -> Run:
    """One inference without the probe, whose own cost would count."""
    return device.infer(frame)


def _profiled(device: Device, frame: bytes) -> Run:
    return device.infer(frame, layers=True)


def shape_of(info: Info) -> tuple[int, int, int]:
    """Height, width and channels of the model's picture.

    Raises:
        BoardError: the model does not take one uint8 picture.
    """
    if not takes_pictures(info.inputs):
        shapes = ", ".join(f"{t.name} {t.dtype} {t.shape}" for t in info.inputs)
        raise BoardError("the demo shows models that take one uint8 picture", found=shapes)
    height, width, channels = info.inputs[0].shape
    return height, width, channels


def frame(entry: Entry, info: Info) -> bytes:
    """The bytes that the board takes for a picture.

    Raises:
        DataError: the picture has another size.
    """
    return picture(entry.path, info.inputs[0].shape).tobytes()


def tells_probabilities(info: Info, layers: list[LayerRow]) -> bool:
    """Whether the only output is what a float softmax or sigmoid made: probabilities already, of
    which the firmware's softmax makes others, and of a sigmoid near 0 the other verdict."""
    only = len(info.outputs) == 1 and info.outputs[0].dtype == "f32"
    return only and bool(layers) and layers[-1].op in ("softmax_f32", "logistic_f32")


def probabilities(done: Run, told: bool) -> tuple[float, ...]:
    """Of each class; with `told` from the output itself, else as the firmware's softmax gives
    them."""
    if not told or not done.results:
        return done.results
    values = tuple(round(number, 6) for (number,) in struct.iter_unpack("<f", done.outputs[0]))
    if not all(math.isfinite(value) for value in values):
        return done.results
    return (1.0 - values[0], values[0]) if len(values) == 1 else values


def answer(index: int, entry: Entry, done: Run, told: bool = False) -> Picture:
    """What the board said of one picture.

    Args:
        told: see `probabilities`.

    Raises:
        BoardError: the model gives no class probabilities.
    """
    shares = probabilities(done, told)
    if len(shares) < 2:
        raise BoardError(
            "the model on the board gives no verdict",
            found=f"{len(shares)} probabilities",
            remedy="its output must hold one value for each class",
        )
    verdict = max(range(len(shares)), key=lambda at: shares[at])
    return Picture(
        index=index,
        file=entry.path.name,
        label=entry.label,
        verdict=verdict,
        probabilities=shares,
        ticks=done.total,
        output=b"".join(done.outputs[key] for key in sorted(done.outputs)).hex(),
        recorded=entry.recorded,
        png=album.png(entry.path),
    )


def profile(session: Session, content: bytes) -> tuple[Layer, ...]:
    """Every layer's cost, from one more inference of a picture with the probe."""
    rows: list[LayerRow] = session.attempt(Device.layers)
    ticks = session.attempt(partial(_profiled, frame=content)).layers
    return tuple(
        Layer(row.index, row.op, row.name, row.kind, row.macs, ticks.get(row.index, 0))
        for row in rows
    )


def _memory(firmware: Firmware, told: dict[str, int] | None = None) -> Memory:
    """Sizes of the linked program, and the stack's high-water mark where the board told it."""
    told = told or {}
    return Memory(
        flash=firmware.sizes.flash,
        ram=firmware.sizes.ram,
        arena=firmware.arena_bytes,
        weights=firmware.weights_bytes,
        stack_used=told.get("stack_used", 0),
        stack_size=told.get("stack_size", firmware.board.stack_bytes),
    )


def place_of(board: Board, info: Info, model: Model) -> Place:
    """Where it runs, as the board itself tells it."""
    fields = shared.provenance(board, info, model)
    return Place(
        board=board.id,
        title=board.name,
        core=fields["core"],
        emulated=info.fields.get("emulated") == "1",
        unit=fields["unit"],
        compiler=fields["compiler"],
        flags=fields["flags"],
        commit=fields["commit"],
        flash_limit=board.flash_bytes,
        ram_limit=board.ram_bytes,
    )


def reason(error: BaseException) -> str:
    """Why a run ended, in a sentence."""
    if isinstance(error, BitWakeError):
        return f"{error.what}{f' ({error.found})' if error.found else ''}"
    return "stopped by Ctrl-C" if isinstance(error, KeyboardInterrupt) else "stopped by a signal"
