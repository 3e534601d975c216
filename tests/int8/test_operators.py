"""Every int8 operator in C beside TFLite's reference kernels, over random parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled, compile_bytes
from convert.emit import emit
from convert.ir import Array
from tests.int8 import batch
from tests.int8.build import Graph, Model, T, const, one_op
from tests.int8.cases import ARITHMETIC
from tests.int8.cases_move import MOVEMENT

pytestmark = [pytest.mark.host_c, pytest.mark.keras]

MAKERS = {**ARITHMETIC, **MOVEMENT}
COUNT = {"CONV_2D": 60, "CONV_2D of few channels": 120, "DEPTHWISE_CONV_2D": 40,
         "TRANSPOSE_CONV": 30, "FULLY_CONNECTED": 30, "CONV_2D and ADD": 40}  # fmt: skip
RUNS = 3


@dataclass
class Case:
    """A model, its C's answers, and what it was asked."""

    model: Model
    compiled: Compiled
    inputs: list[list[Array]]
    answers: list[list[Array]]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: Any) -> dict[str, list[Case]]:
    """All models of all operators in one program."""
    rng = np.random.default_rng(20)
    table = [
        (name, maker(rng, k)) for name, maker in MAKERS.items() for k in range(COUNT.get(name, 20))
    ]
    compiled = [batch.compiled_model(model.content) for _, model in table]
    inputs = [batch.random_inputs(c, rng, RUNS) for c in compiled]
    program = batch.Program(compiled, tmp_path_factory.mktemp("operators"))
    out: dict[str, list[Case]] = {}
    for (name, model), c, i, a in zip(
        table, compiled, inputs, program.answers(inputs), strict=True
    ):
        out.setdefault(name, []).append(Case(model, c, i, a))
    return out


@pytest.mark.parametrize("name", list(MAKERS))
def test_equals_the_reference(name: str, cases: dict[str, list[Case]]) -> None:
    seen = set()
    for case in cases[name]:
        # The reference of SUM takes int8 for unsigned; the default kernel is right.
        reference = batch.Reference(case.model.content, case.compiled, default=name == "SUM")
        for inputs, found in zip(case.inputs, case.answers, strict=True):
            for expected, got in zip(reference.answer(inputs), found, strict=True):
                assert got.shape == expected.shape, case.model.label
                assert got.tobytes() == expected.tobytes(), case.model.label
                seen |= set(np.unique(got)[:50].tolist())
    assert len(seen) > 10, "the cases hardly answer anything"


def test_lanes_of_16_bits_in_c(cases: dict[str, list[Case]], tmp_path: Any) -> None:
    """The kernels of the DSP extension, built in C: the same answers under sanitizers."""
    kinds = (
        "CONV_2D",
        "CONV_2D of few channels",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "CONV_2D and ADD",
    )
    chosen = [case for kind in kinds for case in cases[kind]]
    program = batch.Program([case.compiled for case in chosen], tmp_path, define="BW_DSP_IN_C")
    for case, found in zip(chosen, program.answers([c.inputs for c in chosen]), strict=True):
        for expected, got in zip(case.answers, found, strict=True):
            assert got[0].tobytes() == expected[0].tobytes(), case.model.label


def test_a_residual_is_added_where_it_is_made(cases: dict[str, list[Case]]) -> None:
    """No addition is left but behind single pixels, and many sums lie where the residual did."""
    onto = 0
    for case in cases["CONV_2D and ADD"]:
        whole = case.compiled
        op = whole.graph.ops[-1]
        pixels = case.answers[0][0].size // case.answers[0][0].shape[-1]
        assert op.kind == "conv2d_add_i8" or pixels == 1, case.model.label
        if op.kind == "conv2d_add_i8":
            places = [whole.plan.offsets[name] for name in (*op.inputs, *op.outputs[:1]) if name]
            assert places[2] != places[0], case.model.label
            onto += places[2] == places[1]
    assert onto >= 8


def _mutations(attrs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each number of a descriptor changed a little."""
    for name, value in attrs.items():
        if name == "channels":
            block = value.copy()
            block[0, 1, 0] += 1 << 16
            yield "multiplier", (name, block)
            block = value.copy()
            block[0, 0, 0] += 1 << 12
            yield "bias", (name, block)
            block = value.copy()
            block[0, 2, 0] -= 1
            yield "shift", (name, block)
        elif name in ("out_zero", "in_zero", "pad_top"):
            yield name, (name, value + 1)
        elif name == "add":
            for field in ("zero_b", "multiplier_a", "zero_out"):
                step = value[field] // 64 if field.startswith("multiplier") else 1
                yield field, (name, {**value, field: value[field] + step})
        elif name == "weights":
            changed = value.copy()
            changed.reshape(-1)[0] ^= 0x10
            yield name, (name, changed)


def _control() -> Model:
    """A 3x3 convolution, and a residual that dies in the addition behind it."""
    rng, g = np.random.default_rng(5), Graph()
    x, b = g.tensor(T((1, 6, 6, 8), "int8", 0.05, 3)), T((1, 6, 6, 4), "int8", 0.2, 9)
    free, w = g.tensor(b), const(rng.integers(-127, 128, (4, 3, 3, 8)), "int8", [0.01, 0.02, 0.03,
                                                                              0.005])  # fmt: skip
    bias = const(rng.integers(-900, 900, 4), "int32", 0.05 * np.asarray(w.scale))
    y, other, z = (g.tensor(T(b.shape, "int8", s, q)) for s, q in ((0.31, -7), (0.2, 9), (0.3, 5)))
    options = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    g.op("RELU", [free], [other])
    g.op("CONV_2D", [x, g.tensor(w), g.tensor(bias)], [y], g.options("Conv2DOptions", **options))
    g.op("ADD", [other, y], [z], g.options("AddOptions"))
    return Model("control", g.content([x, free], [z]))


def test_a_wrong_constant_is_noticed(tmp_path: Any) -> None:
    """The comparison above can fail: a multiplier one in 2^14 too large, a zero point one off."""
    rng = np.random.default_rng(5)
    model = _control()
    right = batch.compiled_model(model.content)
    *before, op = right.graph.ops
    names, wrong = ["right"], [right]
    for name, (field, value) in _mutations(dict(op.attrs)):
        changed = dataclasses.replace(op, attrs={**op.attrs, field: value})
        graph = dataclasses.replace(right.graph, ops=(*before, changed))
        emitted = emit(graph, right.plan, right.sha256)
        names.append(name)
        wrong.append(dataclasses.replace(right, graph=graph, emitted=emitted))
    inputs = batch.random_inputs(right, rng, 120)
    answers = batch.Program(wrong, tmp_path).answers([inputs] * len(wrong))
    reference = batch.Reference(model.content, right)
    expected = [reference.answer(i)[0] for i in inputs]
    equal = {
        name: all((e == g[0]).all() for e, g in zip(expected, got, strict=True))
        for name, got in zip(names, answers, strict=True)
    }
    assert equal.pop("right")
    assert sorted(equal) == [
        "bias", "in_zero", "multiplier", "multiplier_a", "out_zero", "pad_top", "shift", "weights",
        "zero_b", "zero_out",
    ]  # fmt: skip
    assert not any(equal.values()), equal


REFUSED = {
    "float convolution": ("CONV_2D", [T((1, 4, 4, 2), "float32"),
                                      const(np.ones((2, 1, 1, 2)), "float32"),
                                      const(np.zeros(2), "float32")],
                          T((1, 4, 4, 2), "float32"), ("Conv2DOptions", {"strideH": 1, "strideW": 1,
                           "dilationHFactor": 1, "dilationWFactor": 1})),
    "zero point of a filter": ("FULLY_CONNECTED", [T((1, 4), "int8", 0.1),
                                                   const(np.ones((2, 4)), "int8", 0.1, zero=3)],
                               T((1, 2), "int8", 0.1), ("FullyConnectedOptions", {})),
    "a scale a channel beyond a row": ("FULLY_CONNECTED", [T((1, 1, 4), "int8", 0.1),
                                                           const(np.ones((2, 4)), "int8",
                                                                 [0.1, 0.2])],
                                       T((1, 1, 2), "int8", 0.1),
                                       ("FullyConnectedOptions", {"keepNumDims": True})),
    "unequal scales": ("MAXIMUM", [T((1, 4), "int8", 0.1), T((1, 4), "int8", 0.2)],
                       T((1, 4), "int8", 0.1), ("MaximumMinimumOptions", {})),
    "sum without rescaling": ("SUM", [T((1, 4), "int8", 0.1), const([1])], T((1,), "int8", 0.1),
                              ("ReducerOptions", {})),
    "computed padding": ("PAD", [T((1, 4), "int8", 0.1), T((2, 2), "int32")],
                         T((1, 4), "int8", 0.1), None),
    "batch of two": ("RELU", [T((2, 4), "int8", 0.1)], T((2, 4), "int8", 0.1), None),
    "uint8": ("QUANTIZE", [T((1, 4), "int8", 0.1)], T((1, 4), "uint8", 0.1), None),
    "16 bits": ("ADD", [T((1, 4), "int16", 0.1), T((1, 4), "int16", 0.1)], T((1, 4), "int16", 0.1),
                ("AddOptions", {})),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_refuses_what_it_cannot_do(name: str) -> None:
    kind, inputs, output, options = REFUSED[name]
    result = compile_bytes(one_op(name, kind, list(inputs), [output], options).content, name="x")
    assert isinstance(result, list)
    assert result
    first = result[0]
    assert first.rule.startswith(kind)
    assert first.found
    assert first.remedy
