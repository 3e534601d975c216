"""Operations, bits and systolic cycles against counts made another way."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from convert.analysis import Array, analyse, cycles
from convert.analysis.count import geometry
from convert.errors import BitWakeError
from convert.ir import Graph, Op, Port, Tensor


def simulated(weights: np.ndarray, stream: np.ndarray) -> tuple[np.ndarray, int]:
    """A weight-stationary array clocked cycle by cycle.

    Args:
        weights: [R, C], loaded one row a cycle.
        stream: [P, R]; row r of the array sees position p at cycle R + p + r.

    Returns:
        The products [P, C] and the cycles until the last of them has left.
    """
    R, C = weights.shape
    P = len(stream)
    out = np.zeros((P, C))
    across, down = np.zeros((R, C)), np.zeros((R, C))  # registers between elements
    clock, left = R, 0
    while left < P * C:
        new_across, new_down = np.zeros((R, C)), np.zeros((R, C))
        for r in range(R):
            for c in range(C):
                p = clock - R - r - c
                fed = stream[p, r] if c == 0 and 0 <= p < P else across[r, c - 1] if c else 0.0
                above = down[r - 1, c] if r else 0.0
                new_across[r, c], new_down[r, c] = fed, above + fed * weights[r, c]
                if r == R - 1 and 0 <= p < P:
                    out[p, c] = new_down[r, c]
                    left += 1
        across, down = new_across, new_down
        clock += 1
    return out, clock


@pytest.mark.parametrize(("rows", "columns", "positions"), [(3, 4, 5), (4, 2, 1), (1, 1, 6)])
def test_a_tile_takes_the_cycles_of_a_clocked_array(
    rows: int, columns: int, positions: int
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(-5, 5, (rows, columns)).astype(float)
    stream = rng.integers(-5, 5, (positions, rows)).astype(float)
    out, clock = simulated(weights, stream)
    assert np.array_equal(out, stream @ weights), "the simulation computes the product"
    form = {"inputs": rows, "filters": columns, "groups": 1, "outputs": positions}
    array = Array(rows, columns)
    assert cycles(array, "int8", **form) == clock
    assert cycles(array, "int8", **{**form, "inputs": rows + 1}) == 2 * clock, "a second tile"


def test_groups_lie_side_by_side_only_where_weights_can_be_zero() -> None:
    depthwise = {"inputs": 9, "filters": 1, "groups": 64, "outputs": 100}
    array = Array(36, 36, ratio=1.0)
    one = 2 * 36 + 36 + 100 - 2
    assert cycles(array, "int8", **depthwise) == 16 * one, "4 of 9 rows at a time"
    assert cycles(array, "binary", **depthwise) == 64 * one
    assert Array(16, 16, ratio=16).sides("binary") == (64, 64)
    odd = (0.5, 1e300, float("inf"), float("nan"))
    for wrong in ({"rows": 0}, {"columns": 1 << 40}, *({"ratio": ratio} for ratio in odd),
                  {"float_ratio": 2.0}):  # fmt: skip
        with pytest.raises(BitWakeError, match="no such systolic array"):
            Array(**wrong)  # type: ignore[arg-type]


def layer(kind: str, source: tuple[int, ...], weights: tuple[int, ...], out: tuple[int, ...],
          **attrs: int) -> tuple[Graph, Op]:  # fmt: skip
    tensors = {
        "x": Tensor("x", source, "int8"),
        "w": Tensor("w", weights, "int8", data=np.zeros(weights, np.int8)),
        "y": Tensor("y", out, "int8"),
    }
    inputs = ("x", "w", "x") if kind == "TRANSPOSE_CONV" else ("x", "w")
    op = Op(kind, "#0 layer", inputs, ("y",), attrs)
    return Graph("g", (op,), tensors, (Port("x", "x"),), (Port("y", "y"),)), op


@pytest.mark.parametrize(
    ("kind", "source", "weights", "out", "attrs", "macs"),
    [
        ("CONV_2D", (1, 8, 8, 6), (10, 3, 3, 6), (1, 4, 4, 10), {}, 16 * 10 * 9 * 6),
        ("CONV_2D", (1, 8, 8, 6), (10, 3, 3, 3), (1, 8, 8, 10), {}, 64 * 10 * 9 * 3),
        ("DEPTHWISE_CONV_2D", (1, 8, 8, 6), (1, 5, 5, 12), (1, 8, 8, 12), {}, 64 * 12 * 25),
        ("FULLY_CONNECTED", (1, 20), (7, 20), (1, 7), {}, 140),
        ("TRANSPOSE_CONV", (1, 4, 4, 3), (5, 2, 2, 3), (1, 8, 8, 5), {}, 16 * 3 * 5 * 4),
        ("LceBconv2d", (1, 8, 8, 4), (64, 3, 3, 2), (1, 8, 8, 64), {"channels_in": 128},
         64 * 64 * 9 * 64),
        ("LceBconv2d", (1, 8, 8, 1), (64, 3, 3, 1), (1, 8, 8, 64), {"channels_in": 8},
         64 * 64 * 9 * 8),
    ],
)  # fmt: skip
def test_products_of_every_kind_of_layer(
    kind: str, source: tuple[int, ...], weights: tuple[int, ...], out: tuple[int, ...],
    attrs: dict[str, int], macs: int,
) -> None:  # fmt: skip
    assert math.prod(geometry(*layer(kind, source, weights, out, **attrs)).values()) == macs


@pytest.mark.parametrize("name", ["scenes-wake", "faces-wake"])
def test_a_shipped_model_counts_as_its_training_did(repo: Path, name: str) -> None:
    """train.models.binary.count knows the layers; this count knows only the flatbuffer."""
    folder = repo / "models" / name
    metrics = json.loads((folder / "metrics.json").read_text())
    found = analyse(folder / "model.tflite")
    assert found.compiles
    assert found.total("macs") == found.total("bops") == metrics["macs"]
    assert found.total("weight_bits") == metrics["size_bits"]
    binary = [one for one in found.layers if one.kind == "binary"]
    hidden = binary[:-1]
    assert all(one.activation_bits <= math.prod(one.out_shape) for one in hidden)
    assert [one.kind for one in found.layers if one.kind != "binary"] == ["table"]
    assert found.input_bits == 8 * math.prod(found.layers[0].out_shape[:2])
    plain = found.as_dict()
    assert plain["cycles"] == sum(row["cycles"] for row in plain["layers"]) > 0
    assert analyse(folder / "model.tflite", Array(4, 4)).total("cycles") > plain["cycles"]


def test_the_verb_counts_and_refuses(repo: Path, tmp_path: Path) -> None:
    from kit import cli

    out = tmp_path / "a.json"
    assert cli.main(["analyse", "faces-wake", "--array", "8x8", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["array"]["rows"] == 8
    assert cli.main(["analyse", "faces-wake", "--ratio", "0.5"]) == 2
    with pytest.raises(SystemExit):
        cli.main(["analyse", "faces-wake", "--array", "8"])
