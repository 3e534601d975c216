"""Each rule refuses what breaks it, with the layer, the rule, what was found and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convert import supported
from convert.compile import Compiled, compile_bytes
from convert.errors import ModelError
from convert.metadata import with_metadata
from convert.supported import Refusal
from convert.tflite_reader import read
from tests.convert import cases
from tests.convert.flat import SAME, VALID, Flat

RNG = np.random.default_rng(5)


def conv(
    channels: int = 64,
    co: int = 8,
    shape: tuple[int, ...] = (1, 5, 5),
    change: Callable[[Flat, Any], None] | None = None,
    **kwargs: Any,
) -> Flat:
    """One binary convolution; `change` spoils the last operator."""
    f = Flat()
    x = f.input("x", (*shape, -(-channels // 32)), "int32")
    bits = cases.filter_bits(RNG, co, 3, 3, channels)
    given: dict[str, Any] = {"padding": SAME, **kwargs}
    if "thresholds" not in given and "multiplier" not in given:
        given["thresholds"] = np.full(co, 100)
    f.output("y", f.bconv(x, bits, channels, **given))
    if change is not None:
        change(f, f.sub.operators[-1])
    return f


def option(name: str, value: int) -> Callable[[Flat, Any], None]:
    """Overwrite one of the operator's options."""

    def change(f: Flat, op: Any) -> None:
        from flatbuffers import flexbuffers

        known = flexbuffers.Loads(bytearray(op.customOptions.tobytes()))
        packed = flexbuffers.Dumps({**known, name: value})
        op.customOptions = np.frombuffer(bytes(packed), np.uint8)

    return change


def shape_of_output(*shape: int) -> Callable[[Flat, Any], None]:
    def change(f: Flat, op: Any) -> None:
        f.sub.tensors[int(op.outputs[0])].shape = np.array(shape, np.int32)

    return change


def spoiled_weights(f: Flat, op: Any) -> None:
    """A bit beyond the last channel."""
    buffer = f.buffers[f.sub.tensors[int(op.inputs[1])].buffer]
    words = buffer.data.copy().view(np.uint32)
    words[0] |= np.uint32(1 << 31)
    buffer.data = words.view(np.uint8)


def no_weights(f: Flat, op: Any) -> None:
    """The filter comes in from outside."""
    given = f.input("w", (1, 3, 3, 2), "int32")
    op.inputs = np.array([op.inputs[0], given, *op.inputs[2:]], np.int32)


def no_thresholds(f: Flat, op: Any) -> None:
    op.inputs = np.array([*op.inputs[:4], -1], np.int32)


def few_inputs(f: Flat, op: Any) -> None:
    op.inputs = op.inputs[:2]


def real(co: int = 8, **change: Any) -> dict[str, Any]:
    return {"multiplier": np.ones(co), "bias": np.zeros(co), **change}


def signs(shape: tuple[int, ...], metadata: bool = True) -> bytes:
    f = Flat()
    f.output("y", f.quantize(f.input("x", shape)))
    return f.finish({"input_scale": 1.0, "input_offset": -7.5} if metadata else None)


def thermometer(threshold: float, scale: float) -> bytes:
    """A threshold exactly on a pixel value, where rounding decides."""
    f = Flat()
    x = f.input("x", (1, 2, 2, 1))
    weights = np.full((1, 1, 1, 1), 1.7, np.float32)
    f.output("y", f.quantize(f.depthwise(x, weights, np.array([-threshold], np.float32))))
    return f.finish({"input_scale": scale, "input_offset": 0.0})


def many_planes(channels: int) -> bytes:
    """A thermometer of so many planes, of which TFLite's interpreter ends for 4832."""
    f = Flat()
    x = f.input("x", (1, 2, 2, 1))
    limits = np.linspace(0.5, 254.5, channels).round() + 0.5
    f.output("y", f.quantize(f.depthwise(x, np.ones((1, 1, 1, channels)), -limits)))
    return f.finish({"input_scale": 1.0, "input_offset": 0.0})


def float_tail() -> bytes:
    f = Flat()
    f.output("y", f.depthwise(conv_into(f), np.ones((1, 1, 1, 8)), np.zeros(8)))
    return f.finish()


def two_readers(first: int, second: int) -> bytes:
    """One packed input for convolutions of so many channels each."""
    f = Flat()
    x = f.input("x", (1, 5, 5, 2), "int32")
    for name, channels in (("a", first), ("b", second)):
        bits = cases.filter_bits(RNG, 8, 3, 3, channels)
        f.output(name, f.bconv(x, bits, channels, thresholds=np.full(8, 100)))
    return f.finish()


def real_product(factor: float) -> bytes:
    """A float map times a constant, which alone stands between a convolution and the output."""
    f = Flat()
    f.output("y", f.binary("MUL", conv_into(f), np.array([1.0] * 7 + [factor])))
    return f.finish()


def signs_and(use: Callable[[Flat, int], int], dtype: str = "float32") -> bytes:
    """A picture whose signs a layer reads, and beside it whatever `use` makes of it."""
    f, quant = Flat(), None if dtype == "float32" else (0.5, 3)
    x = f.input("x", (1, 4, 4, 1), dtype, quant)
    f.output("y", f.quantize(x))
    f.output("z", use(f, x))
    return f.finish({"input_scale": 1.0, "input_offset": -127.5})


def pooled(f: Flat, x: int) -> int:
    o = f.s.Pool2DOptionsT()
    o.filterHeight = o.filterWidth = o.strideH = o.strideW = 2
    o.padding = 1
    quant = f.sub.tensors[x].quantization
    made = (float(quant.scale[0]), int(quant.zeroPoint[0])) if quant is not None else None
    out = f.tensor((1, 2, 2, 1), "float32" if made is None else "int8", name="pooled", quant=made)
    f.op("AVERAGE_POOL_2D", [x], [out], options=o)
    return out


def signs_of_a_vector(shape: tuple[int, ...]) -> bytes:
    f = Flat()
    f.output("y", f.quantize(f.input("x", shape)))
    return f.finish({"input_scale": 1.0, "input_offset": -127.5})


def conv_into(f: Flat) -> int:
    x = f.input("x", (1, 5, 5, 1), "int32")
    return f.bconv(x, cases.filter_bits(RNG, 8, 3, 3, 32), 32, **real())


def reshape_alone() -> bytes:
    f = Flat()
    f.output("y", f.reshape(f.input("x", (1, 3, 4)), (1, 12)))
    return f.finish()


K = 64 * 9
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "batch": (lambda: conv(shape=(2, 5, 5)).finish(), "batch of 1"),
    "rank": (lambda: conv(change=shape_of_output(1, 25, 1)).finish(), "maps [1, H, W, C]"),
    "activation": (lambda: conv(**real(), change=option("fused_activation_function", 5)).finish(),
                   "fused activation"),
    "stride": (lambda: conv(change=option("stride_height", 0)).finish(), "strides"),
    "dilation": (lambda: conv(change=option("dilation_width_factor", 300)).finish(), "dilations"),
    "padding": (lambda: conv(change=option("padding", 7)).finish(), "Sides follow"),
    "sides": (lambda: conv(change=shape_of_output(1, 6, 5, 1)).finish(), "Sides follow"),
    "channels out": (lambda: conv(**real(), change=shape_of_output(1, 5, 5, 9)).finish(),
                     "Sides follow"),
    "channels in": (lambda: conv(change=option("channels_in", 40)).finish(), "are 0"),
    "groups": (lambda: conv(channels=96, change=option("channels_in", 200)).finish(), "Groups"),
    "fewer channels": (lambda: two_readers(40, 64), "agree on its channels"),
    "more channels": (lambda: two_readers(64, 40), "agree on its channels"),
    "zero padding": (lambda: conv(channels=33, **real(), pad_values=0).finish(), "Zero padding"),
    "zero padding of bits": (lambda: conv(pad_values=0).finish(), "Zero padding"),
    "spoiled": (lambda: conv(channels=31, change=spoiled_weights).finish(), "are 0"),
    "weights": (lambda: conv(change=no_weights).finish(), "constants"),
    "thresholds": (lambda: conv(change=no_thresholds).finish(), "The output is bits"),
    "inputs": (lambda: conv(change=few_inputs).finish(), "Every input"),
    "nan": (lambda: conv(**real(bias=np.full(8, np.nan))).finish(), "finite"),
    "overflow": (lambda: conv(**real(multiplier=np.full(8, 1e37))).finish(), "finite"),
    "no scale": (lambda: signs((1, 3, 3, 2), metadata=False), "what a byte stands for"),
    "float depthwise": (float_tail, "DEPTHWISE_CONV_2D"),
    "factor nan": (lambda: real_product(np.nan), "finite numbers"),
    "factor inf": (lambda: real_product(-np.inf), "finite numbers"),
    "no layer": (reshape_alone, "1 to 4096 layers"),
    "interpreter": (lambda: many_planes(4833), "runs for ever"),
    "picture pooled": (lambda: signs_and(pooled), "nothing reads it as floats"),
    "picture added": (lambda: signs_and(lambda f, x: f.binary("ADD", x, np.ones(1))),
                      "nothing reads it as floats"),
    "picture given out": (lambda: signs_and(lambda _, x: x), "nothing reads it as floats"),
    "signs of a vector": (lambda: signs_of_a_vector((1, 64)), "[1, height, width, channels]"),
}  # fmt: skip


def reasons(content: bytes) -> list[Refusal]:
    result = compile_bytes(content, name="broken")
    assert not isinstance(result, Compiled), "it compiled"
    return result


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_models_are_refused(name: str) -> None:
    make, words = BROKEN[name]
    found = reasons(make())
    assert any(words in reason.rule for reason in found), [r.as_dict() for r in found]
    for reason in found:
        assert all(reason.as_dict().values()), reason
        assert len(reason.found) < 300


def test_the_same_models_unbroken_compile() -> None:
    """What is refused above is refused for its fault."""
    for content in (
        conv().finish(),
        conv(**real()).finish(),
        conv(channels=31).finish(),
        conv(channels=4096, co=2).finish(),  # more inputs than a half-word counts
        conv(channels=34, **real(), pad_values=0).finish(),
        conv(padding=VALID).finish(),
        signs((1, 3, 3, 2)),
        thermometer(10.0, 1.0),
        many_planes(4832),
        real_product(3e38),
        signs_and(Flat.quantize),
        signs_and(pooled, "int8"),
        signs_of_a_vector((1, 1, 1, 64)),
    ):
        result = compile_bytes(content, name="sound")
        assert isinstance(result, Compiled), [r.as_dict() for r in result]


def test_a_threshold_on_a_pixel_value_is_refused() -> None:
    """1.7 * x - 17: at x = 10 the product rounds up or the contracted sum does not."""
    hits = 0
    for pixel in range(1, 256):
        threshold = float(np.float32(1.7) * np.float32(pixel))
        result = compile_bytes(thermometer(threshold, 1.0), name="edge")
        if not isinstance(result, Compiled):
            assert f"byte {pixel}," in result[0].found
            assert "rounding" in result[0].rule
            hits += 1
    assert hits > 20


@pytest.mark.parametrize("scale", ["x", None, float("nan"), 0.0, [1], 1e37, 1e-60, 10**400])
def test_unusable_scales(scale: Any) -> None:
    f = Flat()
    f.output("y", f.quantize(f.input("x", (1, 2, 2, 1))))
    with pytest.raises(ModelError, match="scale"):
        compile_bytes(f.finish({"input_scale": scale}), name="scaled")


@pytest.mark.parametrize("labels", [3, "ab", {"a": 1}, [["a"], "b"], ["a"] * 65536])
def test_unusable_labels(labels: Any) -> None:
    content = conv().finish({"labels": labels})
    with pytest.raises(ModelError, match="labels"):
        compile_bytes(content, name="labelled")
    made = compile_bytes(with_metadata(content, {"labels": ["no", "yes"]}), name="labelled")
    assert isinstance(made, Compiled)
    assert '{"no", "yes"}' in made.emitted.source


def test_metadata_that_is_no_object_is_replaced() -> None:
    content = conv().finish([1])  # type: ignore[arg-type]
    assert read(with_metadata(content, {"labels": ["a"]})).metadata == {"labels": ["a"]}


def test_the_page_names_every_rule() -> None:
    page = supported.render_supported()
    for kind, rules in supported.RULES.items():
        assert f"### {kind}\n" in page
        for rule in rules:
            assert supported.rule_text(rule) in page
            assert rule.__doc__


@pytest.mark.parametrize("kind", ["RESHAPE", "RELU", "LceQuantize", "CONCATENATION"])
def test_an_operator_on_constants_alone_is_refused(kind: str) -> None:
    f = Flat()
    bits = f.dequantize(f.input("x", (1, 2, 2, 2), "int32"), 64)
    constant = f.const(np.ones((1, 1, 1, 64)), "float32")
    kinds = {"LceQuantize": ((1, 1, 1, 2), "int32")}
    shape, dtype = kinds.get(kind, ((1, 1, 1, 64), "float32"))
    made = f.tensor(shape, dtype, name="made")
    f.op(kind, [constant], [made])
    out = f.tensor(f.shapes[bits], "float32", name="out")
    f.op("ADD", [bits, constant if kind == "LceQuantize" else made], [out],
         options=f.s.AddOptionsT())  # fmt: skip
    f.output("y", out)
    if kind == "LceQuantize":
        f.output("z", made)
    refusals = compile_bytes(f.finish(), name="constants")
    assert isinstance(refusals, list)
    assert any(r.found == "a constant" and kind in r.layer + r.rule for r in refusals)
