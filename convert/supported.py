"""What compiles: each operator with its rules, and what compiles only inside a pattern.

The page of supported operators is made from the rules' docstrings, so that it cannot disagree with
what the compiler checks.
"""

from __future__ import annotations

from convert import builtin_rules
from convert.ir import Graph, Op
from convert.rules import (
    Refusal,
    Rule,
    batch_of_one,
    channel_range,
    constant_weights,
    conv_shape,
    finite_transform,
    groups_divide,
    inputs_present,
    kernel_range,
    known_activation,
    one_of_two_numbers,
    output_kind,
    packed_shape,
    pool_range,
    pool_shape,
    rank_four,
    same_elements,
    sign_of_number,
    trailing_bits_clear,
    zero_padding,
)  # fmt: skip

CONV_RULES: tuple[Rule, ...] = (
    batch_of_one, rank_four, constant_weights, channel_range, kernel_range, groups_divide,
    known_activation, output_kind, finite_transform, zero_padding, trailing_bits_clear,
    conv_shape,
)  # fmt: skip

# Operators that compile wherever they stand.
RULES: dict[str, tuple[Rule, ...]] = {
    "LceQuantize": (batch_of_one, sign_of_number, packed_shape),
    "LceDequantize": (batch_of_one, one_of_two_numbers, packed_shape),
    "LceBconv2d": CONV_RULES,
    "LceBMaxPool2d": (batch_of_one, rank_four, pool_range, pool_shape),
    "RESHAPE": (batch_of_one, same_elements),
    **builtin_rules.RULES,
}

# Operators that compile only under a condition that no rule of theirs can see, with the condition.
PATTERNS: dict[str, str] = {
    "CONV_2D": "on int8 maps: a float convolution is a layer that was not binarized",
    "DEPTHWISE_CONV_2D": "on int8 maps, or 1x1 between the input and LceQuantize: an input encoder "
    "such as the Generic Learned Thermometer, evaluated on all 256 byte values",
    **dict.fromkeys(
        ("ABS", "CAST", "DIV", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "NEG"),
        "between the input and LceQuantize, in an input encoder, evaluated on all 256 byte values",
    ),
}

# What disappears in front of a sign: pattern and what becomes of it.
FUSED: tuple[tuple[str, str], ...] = (
    (
        "LceBconv2d, element-wise operators, LceQuantize",
        "one binary convolution with integer thresholds",
    ),
    (
        "LceBconv2d and LceBconv2d or LceDequantize, ADD and the like, LceQuantize",
        "one operation that counts both branches and compares whole numbers: no map of numbers",
    ),
    (
        "an input encoder that treats all pixels alike, LceBconv2d that alone reads it",
        "where it pays in instructions and flash, one operation from bytes to bits by tables",
    ),
    (
        "one or two LceDequantize, element-wise operators, LceQuantize",
        "bit operations with masks, whatever the function: OR, AND, a choice by channel",
    ),
    (
        "LceDequantize, GATHER, RESHAPE and TRANSPOSE within a pixel, LceQuantize",
        "bits that move, or another order of weights or planes",
    ),
    (
        "an int8 CONV_2D of one channel by 3x3 filters, LceQuantize",
        "with --core cortex-m4, -m7 or -m33, one operation that compares sums: no int8 map",
    ),
    (
        "LceDequantize to int8 of a multiple of 8 channels, CONV_2D or FULLY_CONNECTED that alone "
        "read it",
        "on the same cores, convolutions with an instruction for four products of a sign",
    ),
)
FUSED_TEXT = (
    "The element-wise operators are ADD, SUB, MUL and PRELU (a slope of 0 or more) with a constant "
    "for each channel, ADD, SUB, MAXIMUM and MINIMUM of both branches, RELU, RELU6, RELU_N1_TO_1 "
    "and LEAKY_RELU, in float32 or int8; in int8 any function of one map that rises or falls "
    "steadily besides. Between bits MUL of both is one too. Nothing else may read what disappears. "
    "Where a pattern does not hold, its operators compile one by one."
)

REMEDIES: dict[str, str] = {
    "CONV_2D": "use QuantConv2D with ste_sign for input and kernel and groups of a multiple of 32 "
    "channels, or quantize the layer to int8 with fake-quant around it",
    "DEPTHWISE_CONV_2D": "quantize the layer to int8 with fake-quant around it",
}


def computes_index(graph: Graph, op: Op) -> bool:
    """Whether it computes an index into an input encoder's table, or looks one up: whole numbers
    that a CAST made. The encoder's evaluation judges it."""
    if op.kind == "GATHER":
        table, index = (*op.inputs, None, None)[:2]
        constant = table is not None and graph.tensors[table].data is not None
        return constant and _from_cast(graph, index)
    return op.kind in _INDEX_STEPS and _from_cast(graph, op.outputs[0])


_INDEX_STEPS = ("ADD", "SUB", "MUL", "STRIDED_SLICE", "RESHAPE")


def _from_cast(graph: Graph, name: str | None) -> bool:
    while name is not None and graph.tensors[name].dtype == "int32":
        op = graph.producer(name)
        if op is None or op.kind not in ("CAST", *_INDEX_STEPS):
            return False
        if op.kind == "CAST":
            return True
        variable = [n for n in op.inputs if n is not None and graph.tensors[n].data is None]
        name = variable[0] if len(variable) == 1 else None
    return False


def _rules_of(graph: Graph, op: Op) -> tuple[Rule, ...]:
    if not computes_index(graph, op):
        return (inputs_present, *RULES.get(op.kind, ()))
    return () if op.kind == "GATHER" else (inputs_present,)  # its table is the constant


def check(graph: Graph) -> list[Refusal]:
    """Every broken rule of operators that stand for themselves, in the order of the graph."""
    out = []
    for op in graph.ops:
        for rule in _rules_of(graph, op):
            ok, found, remedy = rule(graph, op)
            if not ok:
                out.append(Refusal(op.name, f"{op.kind}: {rule_text(rule)}", found, remedy))
                break  # later rules may rely on this one
    return out


def rule_text(rule: Rule) -> str:
    return " ".join((rule.__doc__ or rule.__name__).split())


def unsupported(graph: Graph, op: Op) -> Refusal:
    """The refusal of an operator that no kernel and no pattern takes."""
    out = graph.tensor(op.outputs[0])
    if op.kind in PATTERNS:
        rule = f"{op.kind} compiles only {PATTERNS[op.kind]}"
    else:
        rule = f"{op.kind} is not a supported operator"
    remedy = REMEDIES.get(op.kind, "see docs/supported-operators.md for what compiles")
    return Refusal(op.name, rule, out.text(), remedy)


def render_supported() -> str:
    """docs/supported-operators.md."""
    lines = [
        "# Supported operators",
        "",
        "Generated by `python -m kit supported --write`; do not edit. Whatever is not listed is "
        "refused with the layer, the rule, what was found and what to change.",
        "",
        "## Operators",
        "",
        "Each compiles to C that equals LCE's interpreter (Lce operators) or TFLite's reference "
        "kernels (the others) bit for bit. A layer on float32 maps is listed as float in the "
        "compile report.",
        "",
    ]
    for kind, rules in RULES.items():
        lines += [f"### {kind}", ""]
        lines += [f"- {rule_text(rule)}" for rule in rules] + [""]
    lines += ["## Operators under a condition", "", "| operator | compiles only |", "|---|---|"]
    lines += [f"| {kind} | {text} |" for kind, text in sorted(PATTERNS.items())]
    lines += ["", "## Patterns that become one operation", "", FUSED_TEXT, ""]
    lines += ["| pattern | becomes |", "|---|---|"]
    lines += [f"| {pattern} | {made} |" for pattern, made in FUSED]
    return "\n".join(lines) + "\n"


__all__ = ["PATTERNS", "REMEDIES", "RULES", "Refusal", "check", "render_supported", "unsupported"]
