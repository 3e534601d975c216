"""Compiled models as one program of this machine, under sanitizers.

Many models are linked into one program: each model.c is included by a file of its own under another
name for its `bw_model`. The program reads input sets from standard input and answers with outputs,
or, tracing, with the whole arena after every layer. The kernels are compiled once and kept in
build/tests/ until a source or a flag changes.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.compile import Compiled
from convert.ir import Array, Tensor
from convert.words import pack, unpack
from kit.files import lock, sha256, tree_digest

ROOT = Path(__file__).resolve().parents[1]
MCU = ROOT / "mcu"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAGS = ["-std=c11", "-O1", "-g0", "-ffp-contract=off", f"-I{MCU}/include", f"-I{MCU}/kernels"]

MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitwake/bw_model.h"

typedef struct {
    const bw_model *model;
    const uint8_t *arena;
} entry;

static uint8_t *arena_of; /* of the running model */
static uint32_t arena_size;

static void put(const void *data, size_t n)
{
    if (fwrite(data, 1, n, stdout) != n) {
        exit(3);
    }
}

static void mark(void *context, uint16_t layer)
{
    (void)context;
    (void)layer;
    put(arena_of, arena_size);
}

/* The picture of a model that is fed by rows, and how far it was asked for. */
static uint8_t picture[1 << 20];
static uint32_t row_bytes, rows_read;

static const uint8_t *rows(void *context, uint16_t first, uint16_t count)
{
    const bw_model *m = context;
    if (first != rows_read || count == 0 || count > m->rows_most) {
        exit(4);
    }
    rows_read = (uint32_t)first + count;
    return picture + first * row_bytes;
}

/* Requests: u32 model, u32 trace, then the inputs. offset0 is where input 0 lies in the arena. */
int main(void)
{
    uint32_t head[3];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        const bw_model *m = models[head[0]];
        for (uint32_t i = 0; i < m->n_inputs; i++) {
            uint8_t *to = m->inputs[i].data != NULL ? m->inputs[i].data : picture;
            if (fread(to, 1, m->inputs[i].bytes, stdin) != m->inputs[i].bytes) {
                return 2;
            }
        }
        arena_of = m->inputs[0].data != NULL ? m->inputs[0].data - head[2] : NULL;
        arena_size = m->arena_bytes;
        const bw_probe probe = {mark, NULL};
        if (m->run_rows != NULL) {
            const bw_rows source = {rows, (void *)(uintptr_t)m};
            row_bytes = (uint32_t)m->inputs[0].dims[1] * m->inputs[0].dims[2];
            rows_read = 0;
            m->run_rows(&source, NULL);
        } else {
            m->run(head[1] != 0u ? &probe : NULL);
        }
        for (uint32_t i = 0; i < m->n_outputs; i++) {
            put(m->outputs[i].data, m->outputs[i].bytes);
        }
        for (uint32_t i = 0; i < m->n_inputs; i++) {
            const uint8_t *kept = m->inputs[i].data != NULL ? m->inputs[i].data : picture;
            put(kept, m->inputs[i].bytes);
        }
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Answer:
    """One run: outputs by name [1, ...] as the interpreter shapes them (bits as int32 words), and,
    when traced, the arena after each layer, uint8 [layers, arena]."""

    outputs: Mapping[str, Array]
    trace: Array | None = None


def kernel_sources() -> list[Path]:
    """The portable kernels, every one of them."""
    return sorted(p for p in (MCU / "kernels").rglob("*.c"))


def _objects(folder: Path, sources: Sequence[Path], flags: Sequence[str]) -> list[Path]:
    """Compile; warnings are errors.

    Raises:
        AssertionError: with the compiler's words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = [folder / f"{i}_{p.stem}.o" for i, p in enumerate(sources)]

    def one(pair: tuple[Path, Path]) -> str:
        source, target = pair
        line = ["gcc", *FLAGS, *WARNINGS, *SANITIZERS, *flags, "-c", str(source), "-o", str(target)]
        done = subprocess.run(line, capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    with ThreadPoolExecutor(2) as pool:
        said = [text for text in pool.map(one, zip(sources, objects, strict=True)) if text]
    assert not said, said[0][:4000]
    return objects


def kernel_archive() -> Path:
    """The portable kernels, compiled with the tests' flags."""
    words = "\n".join([*FLAGS, *WARNINGS, *SANITIZERS, Path(__file__).read_text()])
    digest = sha256((tree_digest([MCU / "kernels", MCU / "include"]) + words).encode())[:16]
    folder = ROOT / "build" / "tests" / f"kernels-{digest}"
    archive = folder / "kernels.a"
    with lock(ROOT / "build" / "tests" / "kernels.lock", "kernels are being compiled"):
        if not archive.is_file():
            for old in folder.parent.glob("kernels-*"):
                if old.stat().st_mtime < time.time() - 3600:  # another run may be linking it
                    shutil.rmtree(old, ignore_errors=True)
            objects = _objects(folder, kernel_sources(), ())
            fresh = folder / "fresh.a"
            subprocess.run(["ar", "rcs", str(fresh), *map(str, objects)], check=True)
            fresh.rename(archive)
    return archive


def compile_c(
    folder: Path, sources: Sequence[Path], program: str, flags: Sequence[str] = ()
) -> Path:
    """A program of these sources and the kernels; warnings are errors.

    Raises:
        AssertionError: with the compiler's words.
    """
    objects = [*_objects(folder, sources, flags), kernel_archive()]
    out = folder / program
    line = ["gcc", *SANITIZERS, *map(str, objects), "-o", str(out), "-lm"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    return out


def to_device(t: Tensor, array: Array) -> bytes:
    """An input [1, ...] in the device's bytes; words and bytes pass through."""
    wanted = {"uint8": np.uint8, "int8": np.int8, "float32": np.float32}.get(t.dtype, np.int32)
    assert array.dtype == wanted, f"{t.text()}: {array.dtype}"
    data = np.ascontiguousarray(array).tobytes()
    assert len(data) == t.bytes, f"{t.text()}: {len(data)} bytes"
    return data


def from_device(t: Tensor, data: bytes) -> Array:
    """A map [1, ...]; bits, packed or planar, as int32 words of 32 channels."""
    if t.dtype == "planes":
        _, h, w, channels = t.shape
        words = np.frombuffer(data, "<u4").reshape(channels, -1)
        pixels = unpack(words, h * w).T  # [pixels, channels]
        return pack(pixels).view(np.int32).reshape(1, h, w, -1)
    if t.dtype == "bits":
        return np.frombuffer(data, "<i4").reshape(*t.shape[:-1], t.words)
    return np.frombuffer(data, t.dtype).reshape(t.shape)


class HostModels:
    """Models in one program.

    Args:
        folder: for sources and objects.
        models: by name.
    """

    def __init__(self, folder: Path, models: Mapping[str, Compiled]) -> None:
        self.models = dict(models)
        self.index = {name: i for i, name in enumerate(self.models)}
        folder.mkdir(parents=True, exist_ok=True)
        sources = []
        for name, compiled in self.models.items():
            i = self.index[name]
            home = folder / f"m{i}"
            home.mkdir(exist_ok=True)
            (home / "model.c").write_text(compiled.emitted.source)
            (home / "model.h").write_text(compiled.emitted.header)
            wrapper = folder / f"w{i}.c"
            wrapper.write_text(f'#define bw_linked_model bw_m{i}\n#include "m{i}/model.c"\n')
            sources.append(wrapper)
        count = len(self.models)
        names = "\n".join(f"extern const bw_model bw_m{i};" for i in range(count))
        table = ", ".join(f"&bw_m{i}" for i in range(count))
        head = f"{names}\nstatic const bw_model *const models[] = {{{table}}};\n"
        main = folder / "main.c"
        main.write_text(MAIN.replace("typedef struct", head + "\ntypedef struct", 1))
        self.program = compile_c(folder, [*sources, main], "models")

    def run(self, requests: Sequence[tuple[str, Mapping[str, Array], bool]]) -> list[Answer]:
        """Run (model, inputs by name [1, ...], trace) one after the other in one process.

        Raises:
            AssertionError: the program died (a sanitizer's finding), or changed an input.
        """
        feed, sizes = [], []
        for name, inputs, trace in requests:
            c = self.models[name]
            first = c.plan.offsets.get(c.graph.inputs[0].tensor, 0)
            feed.append(struct.pack("<III", self.index[name], int(trace), first))
            data = [to_device(c.graph.tensors[p.tensor], inputs[p.name]) for p in c.graph.inputs]
            feed += data
            sizes.append(b"".join(data))
        done = subprocess.run([str(self.program)], input=b"".join(feed), capture_output=True)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[:4000]
        answers, at, out = [], 0, done.stdout
        for (name, _, trace), given in zip(requests, sizes, strict=True):
            c = self.models[name]
            arena = None
            if trace:
                layers = len(c.emitted.layers)
                n = layers * c.plan.arena_bytes
                arena = np.frombuffer(out[at : at + n], np.uint8).reshape(layers, -1)
                at += n
            outputs: dict[str, Any] = {}
            for port in c.graph.outputs:
                t = c.graph.tensors[port.tensor]
                outputs[port.name] = from_device(t, out[at : at + t.bytes])
                at += t.bytes
            assert out[at : at + len(given)] == given, f"{name} changed its inputs"
            at += len(given)
            answers.append(Answer(outputs, arena))
        assert at == len(out)
        return answers


def layer_map(compiled: Compiled, answer: Answer, layer: int) -> tuple[str, Array]:
    """The tensor that a traced layer made: its name in the flatbuffer and its value [1, ...]."""
    made: list[str] = []  # by layer; a map inside a stream is nowhere as a whole
    for op in compiled.graph.ops:
        links = op.attrs.get("links", ())
        made += [""] * sum(link.op.kind != "map" for link in links[:-1])
        made += op.outputs[:1] if op.kind != "alias" else ()
    name = made[layer]
    if not name:
        return name, np.zeros(0)
    t = compiled.graph.tensors[name]
    assert answer.trace is not None
    at = compiled.plan.offsets[name]
    return name.removesuffix(".planes"), from_device(
        t, answer.trace[layer, at : at + t.bytes].tobytes()
    )


def packed_noise(rng: np.random.Generator, shape: tuple[int, ...], channels: int) -> Array:
    """Random packed bits, int32 [*shape, words], bits beyond `channels` zero."""
    bits = rng.integers(0, 2, (*shape, channels), dtype=np.uint8)
    return pack(bits).view(np.int32)
