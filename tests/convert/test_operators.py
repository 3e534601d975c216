"""Every operator that compiles, in C under sanitizers, equals LCE's interpreter bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from convert.emit import emit
from convert.ir import Array
from convert.lower import Context, lower
from convert.oracle import Oracle
from convert.pixels import scaling_of
from convert.plan import make_plan
from convert.tflite_reader import read
from tests.convert import cases
from tests.convert.cases import Case
from tests.host_c import Answer, HostModels

pytestmark = pytest.mark.host_c

SEED = 20


def all_cases() -> Iterator[tuple[str, Case]]:
    yield from cases.bconv_cases(SEED, 16, 16)
    kinds = (
        ("unpadded", cases.unpadded_case, 12),
        ("pool", cases.pool_case, 16),
        ("cast", cases.cast_case, 8),
        ("subnormal", cases.subnormal_case, 4),
        ("move", cases.move_case, 8),
        ("encoder", cases.encoder_case, 16),
    )
    yield from cases.several(SEED, kinds)


def compiled(content: bytes, name: str = "case", layout: str = "auto") -> Compiled:
    result = compile_bytes(content, name=name, options=Options(layout=layout))
    assert isinstance(result, Compiled), [r.as_dict() for r in result]
    return result


def differences(got: dict[str, Array], wanted: dict[str, Array]) -> int:
    """Elements that differ in any bit; type or shape alike or all of them count."""
    n = 0
    for name, array in wanted.items():
        mine = got[name]
        if mine.dtype != array.dtype or mine.shape != array.shape:
            n += array.size
        else:
            n += int((mine.view(f"u{mine.itemsize}") != array.view(f"u{array.itemsize}")).sum())
    return n


def plain(content: bytes, name: str = "case") -> Compiled:
    """With the portable reference of every operator: nothing is chosen by cost."""
    graph, refusals = lower(read(content, name=name), Context(scaling_of(read(content).metadata)))
    assert not refusals
    plan = make_plan(graph)
    digest = hashlib.sha256(content).hexdigest()
    return Compiled(graph, plan, emit(graph, plan, digest), digest)


def in_every_layout(content: bytes, name: str) -> dict[str, Compiled]:
    """The model with reference kernels; packed, planar and mixed where that makes other C."""
    found = {f"{name} [plain]": plain(content, name)}
    for layout in ("packed", "planar", "auto"):
        whole = compiled(content, name, layout)
        if all(whole.emitted.source != other.emitted.source for other in found.values()):
            found[f"{name} [{layout}]"] = whole
    return found


class Built:
    """Cases in every layout, compiled into one program, and its answers."""

    def __init__(self, folder: Path, named: Iterable[tuple[str, Case]]) -> None:
        self.cases: dict[str, Case] = {}
        self.models: dict[str, Compiled] = {}
        for name, case in named:
            made = in_every_layout(case.content, name)
            self.models |= made
            self.cases |= dict.fromkeys(made, case)
        self.host = HostModels(folder, self.models)
        requests = [
            (name, inputs, False) for name, case in self.cases.items() for inputs in case.inputs
        ]
        self.answers: dict[str, list[Answer]] = {name: [] for name in self.cases}
        for (name, _, _), answer in zip(requests, self.host.run(requests), strict=True):
            self.answers[name].append(answer)

    def wrong(self, kind: str) -> list[str]:
        """What differs from the interpreter among the cases whose name begins so."""
        found = []
        for name, case in self.cases.items():
            if name.startswith(kind):
                oracle = Oracle(case.content)
                for k, inputs in enumerate(case.inputs):
                    n = differences(dict(self.answers[name][k].outputs), oracle.predict(inputs))
                    if n:
                        found.append(f"{name}, input {k}: {n} elements differ; {case.about}")
        return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("operators"), all_cases())


@pytest.mark.parametrize("kind", ["bconv bits", "bconv float32", "bconv int8"])
def test_binary_convolution(built: Built, kind: str) -> None:
    assert sum(name.startswith(kind) for name in built.cases) >= 32
    assert built.wrong(kind) == []


@pytest.mark.parametrize("kind", ["unpadded", "pool", "cast", "subnormal", "move", "encoder"])
def test_other_operators(built: Built, kind: str) -> None:
    assert built.wrong(kind) == []


def test_cases_are_not_constant(built: Built) -> None:
    """Outputs that are the same whatever comes in would agree with anything."""
    live = 0
    for name, answers in built.answers.items():
        arrays = list(answers[0].outputs.values())
        others = list(answers[1].outputs.values())
        live += any((a != b).any() for a, b in zip(arrays, others, strict=True))
        assert answers, name
    assert live > 0.85 * len(built.answers)


def test_layouts_make_a_difference(built: Built) -> None:
    """Otherwise the planar kernels would not be compared at all."""
    planar = [name for name in built.models if name.endswith("[planar]")]
    for kind in ("bconv bits", "pool", "move", "encoder"):
        assert any(name.startswith(kind) for name in planar), kind
    sources = "".join(m.emitted.source for m in built.models.values())
    for kernel in ("bw_bconv2d_bits", "bw_planar_conv_bits", "bw_lane_conv_bits"):
        assert sources.count(f"{kernel}(") > 4, kernel
