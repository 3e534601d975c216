"""Many models as one program under sanitizers, and TFLite's reference kernels beside it."""

from __future__ import annotations

import re
import struct
import subprocess
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.compile import Compiled, compile_bytes
from convert.ir import Array
from convert.tflite_reader import file_order

ROOT = Path(__file__).resolve().parents[2]
MCU = ROOT / "mcu"
FLAGS = (
    "-std=c11", "-g0", "-ffp-contract=off", "-Wall", "-Wextra", "-Wconversion", "-Werror",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
)  # fmt: skip
# Names of file scope in a model.c; they get the model's number so that many share a program.
_NAMES = re.compile(r"\b(arena|layers|inputs|outputs|labels|run|bw_linked_model|l\d+\w*)\b(?!\")")
DTYPES = {"uint8": np.uint8, "int8": np.int8, "float32": np.float32, "int32": np.int32}


@dataclass(frozen=True)
class Ports:
    """Inputs or outputs of a compiled model: name, type and shape, in the C's order."""

    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]


def ports(compiled: Compiled, which: str) -> Ports:
    found = compiled.graph.inputs if which == "inputs" else compiled.graph.outputs
    tensors = [compiled.graph.tensors[p.tensor] for p in found]
    return Ports(
        tuple(p.name for p in found),
        tuple(t.dtype for t in tensors),
        tuple(t.shape for t in tensors),
    )


def compiled_model(content: bytes, name: str = "case") -> Compiled:
    result = compile_bytes(content, name=name)
    assert isinstance(result, Compiled), result
    return result


def renamed(source: str, k: int) -> str:
    lines = []
    for line in source.splitlines():
        if line.startswith('#include "model.h"'):
            continue
        if line.startswith("#define"):
            lines.append(f"#undef {re.split(r'[ (]', line)[1]}")
        if line.lstrip().startswith("."):  # fields of structures keep their names
            head, sep, tail = line.partition("=")
            line = head + sep + _NAMES.sub(rf"\1__{k}", tail)
        elif not line.startswith("/*") and not line.startswith(" *"):
            line = _NAMES.sub(rf"\1__{k}", line)
        lines.append(line.replace("BW_MODEL_ARENA_BYTES", f"sizeof arena__{k}"))
    return "\n".join(lines)


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]


class Program:
    """Compiled models in one executable.

    Args:
        models: what to link.
        folder: an empty one.
        chunk: models a translation unit.
        define: a macro for the kernels.
    """

    def __init__(
        self,
        models: Sequence[Compiled],
        folder: Path,
        chunk: int = 100,
        define: str = "BW_HOST",
    ) -> None:
        self.models = models
        units = []
        for first in range(0, len(models), chunk):
            text = ['#include "bitwake/bw_model.h"', '#include "models.h"']
            for k in range(first, min(first + chunk, len(models))):
                text.append(renamed(models[k].emitted.source, k))
            unit = folder / f"unit{first}.c"
            unit.write_text("\n".join(text))
            units.append(unit)
        lines = ["#ifndef MODELS_H", "#define MODELS_H", '#include "bitwake/bw_model.h"']
        lines += [f"extern const bw_model bw_linked_model__{k};" for k in range(len(models))]
        lines += ["extern const bw_model *const all_models[];", "#endif"]
        (folder / "models.h").write_text("\n".join(lines))
        names = ",".join(f"&bw_linked_model__{k}" for k in range(len(models)))
        table = folder / "table.c"
        table.write_text(
            f'#include "models.h"\nconst bw_model *const all_models[] = {{{names}}};\n'
        )
        self.path = folder / "program"
        kernels = [f for d in ("int8", "real") for f in sorted((MCU / "kernels" / d).glob("*.c"))]
        include = [f"-I{MCU / 'include'}", f"-I{folder}"]
        include += [f"-I{d}" for d in sorted({f.parent for f in kernels})]
        jobs = [(unit, "-O0") for unit in (*units, table)]
        jobs += [(unit, "-O1") for unit in (Path(__file__).with_name("run_c.c"), *kernels)]
        objects = [folder / f"{k}.o" for k in range(len(jobs))]
        lines = [
            ["gcc", *FLAGS, level, f"-D{define}", *include, "-c", str(unit), "-o", str(target)]
            for (unit, level), target in zip(jobs, objects, strict=True)
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_run, lines))
        _run(["gcc", *FLAGS, *map(str, objects), "-o", str(self.path), "-lm"])

    def answers(self, inputs: Sequence[Sequence[Sequence[Array]]]) -> list[list[list[Array]]]:
        """inputs[model][run] is the list of arrays in the C's order; outputs likewise."""
        blob = bytearray()
        for k, runs in enumerate(inputs):
            blob += struct.pack("=II", k, len(runs))
            for run in runs:
                for array in run:
                    blob += np.ascontiguousarray(array).tobytes()
        done = subprocess.run([str(self.path)], input=bytes(blob), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[:4000]
        out, at, all_models = memoryview(done.stdout), 0, []
        for model, runs in zip(self.models, inputs, strict=True):
            found = ports(model, "outputs")
            answers = []
            for _ in runs:
                row = []
                for dtype, shape in zip(found.dtypes, found.shapes, strict=True):
                    n = int(np.prod(shape)) * np.dtype(dtype).itemsize
                    row.append(np.frombuffer(out[at : at + n], dtype).reshape(shape))
                    at += n
                answers.append(row)
            all_models.append(answers)
        assert at == len(out)
        return all_models


class Reference:
    """TFLite's reference kernels; inputs and outputs by the compiled model's names.

    Args:
        default: TFLite's default kernels instead, for the operator whose reference is wrong.
    """

    def __init__(self, content: bytes, compiled: Compiled, default: bool = False) -> None:
        import tensorflow as tf

        kinds = tf.lite.experimental.OpResolverType
        kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if default else kinds.BUILTIN_REF
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a move to another package
            self.run = tf.lite.Interpreter(
                model_content=content, experimental_op_resolver_type=kind, num_threads=1
            )
        self.run.allocate_tensors()
        ins, outs = file_order(content)
        raw_in = [d["index"] for d in self.run.get_input_details()]
        raw_out = [d["index"] for d in self.run.get_output_details()]
        self.ins = [raw_in[_place(ins, p.tensor)] for p in compiled.graph.inputs]
        self.outs = [raw_out[outs.index(p.tensor)] for p in compiled.graph.outputs]

    def answer(self, inputs: Sequence[Array]) -> list[Array]:
        for index, array in zip(self.ins, inputs, strict=True):
            self.run.set_tensor(index, array)
        self.run.invoke()
        return [np.array(self.run.get_tensor(index)) for index in self.outs]


def _place(names: Sequence[str], tensor: str) -> int:
    return list(names).index(tensor.removesuffix(".bytes"))


def random_inputs(compiled: Compiled, rng: Any, runs: int) -> list[list[Array]]:
    """Full-range integers, and floats with a few zeros of both signs."""
    found = ports(compiled, "inputs")
    out = []
    for _ in range(runs):
        row = []
        for dtype, shape in zip(found.dtypes, found.shapes, strict=True):
            if dtype == "float32":
                x = rng.normal(0, 3, shape).astype(np.float32)
                x[rng.random(shape) < 0.05] = rng.choice([0.0, -0.0])
                row.append(x)
            else:
                low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
                row.append(rng.integers(low, high + 1, shape).astype(DTYPES[dtype]))
        out.append(row)
    return out
