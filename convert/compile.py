"""A .tflite becomes model.c and model.h, or a list of reasons why not.

read → check → lower → lay out → plan memory → check the plan → emit. Nothing is written unless
everything held, and then both files, each at once.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from convert import supported
from convert.arrange import Arranged, Options, arrange
from convert.emit import Emitted, emit
from convert.errors import ModelError
from convert.ir import Graph
from convert.limits import beyond_limits
from convert.lower import Context, lower
from convert.pixels import scaling_of
from convert.plan import Plan
from convert.supported import Refusal
from convert.tflite_reader import NO_FILE, load_bytes, read

Dump = Callable[[str], None]
DEFAULTS = Options()


@dataclass(frozen=True)
class Report:
    """What became of a model.

    Attributes:
        ok: the C was written.
        arena_bytes: static RAM of maps, inputs and outputs; 0 when refused.
        weights_bytes: constant tables in flash; 0 when refused.
        layers: a row a layer: index, op, name, kind, macs, weights_bytes, in_shape, out_shape,
            float.
        errors: why it was refused.
        sha256: of the .tflite.
        arena_lower_bound: no memory plan can need less than this.
        arranged: layouts, row-streaming and what else there was to choose from.
    """

    ok: bool
    arena_bytes: int
    weights_bytes: int
    layers: tuple[dict[str, Any], ...]
    errors: tuple[Refusal, ...]
    sha256: str
    arena_lower_bound: int = 0
    arranged: Arranged | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data: the form of `kit compile --json`."""
        return {
            "ok": self.ok,
            "arena_bytes": self.arena_bytes,
            "arena_lower_bound": self.arena_lower_bound,
            "weights_bytes": self.weights_bytes,
            "model_sha256": self.sha256,
            "layers": [dict(row) for row in self.layers],
            "errors": [error.as_dict() for error in self.errors],
            "layouts": dict(self.arranged.layouts) if self.arranged else {},
            "memory": [c.as_dict() for c in self.arranged.candidates] if self.arranged else [],
            "chosen": self.arranged.chosen.as_dict() if self.arranged else None,
        }


@dataclass(frozen=True)
class Compiled:
    """The result in memory: what `compile_model` writes."""

    graph: Graph
    plan: Plan
    emitted: Emitted
    sha256: str
    arranged: Arranged | None = None


def compile_graph(
    graph: Graph, dump: Dump | None = None, options: Options = DEFAULTS
) -> Arranged | list[Refusal]:
    """Check, lower, lay out and plan a graph.

    Args:
        graph: as read.
        options: layouts, memory limit, core.
        dump: called with the graph's text before the first pass and after each.

    Raises:
        ModelError: the metadata is not usable.
        PlanError: the plan would corrupt data (a bug of the planner, never the user's).
    """
    if dump:
        dump(f"== as read\n{graph.text()}")

    def watch(name: str, after: Graph) -> None:
        if dump:
            dump(f"== after {name}\n{after.text()}")

    refusals = supported.check(graph)
    if refusals:
        return refusals
    lowered, refusals = lower(graph, Context(scaling_of(graph.metadata), options.core), watch)
    refusals = refusals or beyond_limits(lowered)
    if refusals:
        return refusals
    return arrange(lowered, options, watch)


def compile_bytes(
    content: bytes,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    dump: Dump | None = None,
    options: Options = DEFAULTS,
) -> Compiled | list[Refusal]:
    """Compile a flatbuffer in memory.

    Raises:
        ModelError: it is damaged or no TFLite flatbuffer.
    """
    graph = read(content, name=name)
    if labels is not None:
        metadata = {**graph.metadata, "labels": list(labels)}
        graph = replace(graph, metadata=MappingProxyType(metadata))
    made = compile_graph(graph, dump, options)
    if isinstance(made, list):
        return made
    digest = hashlib.sha256(content).hexdigest()
    return Compiled(made.graph, made.plan, emit(made.graph, made.plan, digest), digest, made)


def compile_model(
    path: Path | str,
    out_dir: Path | str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    dump: Dump | None = None,
    options: Options = DEFAULTS,
) -> Report:
    """Compile a .tflite into out_dir/model.c and out_dir/model.h.

    Args:
        path: the flatbuffer.
        out_dir: made when missing; untouched when the model is refused.
        name: of the model, in the generated code.
        labels: class names; default: those in the file's metadata.
        dump: receives the printed graph before and after each pass.
        options: layouts, memory limit, core.

    Raises:
        ModelError: the file is missing or damaged, or the result cannot be written.
    """
    content, where = load_bytes(path)
    try:
        result = compile_bytes(content, name=name, labels=labels, dump=dump, options=options)
    except ModelError as error:
        error.where = error.where.replace(NO_FILE, where)
        raise
    digest = hashlib.sha256(content).hexdigest()
    if isinstance(result, list):
        return Report(False, 0, 0, (), tuple(result), digest)
    files = {"model.c": result.emitted.source, "model.h": result.emitted.header}
    _write(Path(out_dir), files)
    return Report(
        True,
        result.plan.arena_bytes,
        result.emitted.weights_bytes,
        result.emitted.layers,
        (),
        digest,
        result.plan.lower_bound,
        result.arranged,
    )


def _write(folder: Path, files: dict[str, str]) -> None:
    """All files or none: each is complete under another name before the first takes its place."""
    ready: list[tuple[str, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            ready.append((temporary, folder / name))
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.chmod(temporary, 0o644)
        for temporary, target in ready:
            os.replace(temporary, target)
        ready = []
    except OSError as error:
        raise ModelError(
            "the generated C cannot be written; what was there before is untouched",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="free some space, or name another folder with --out",
        ) from None
    finally:
        for temporary, _ in ready:
            Path(temporary).unlink(missing_ok=True)
