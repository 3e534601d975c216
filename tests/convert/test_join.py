"""Branches that meet in front of a sign: no real map is left, and the C equals the interpreter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from convert.oracle import Oracle
from tests.convert import cases, join_cases
from tests.convert.cases import Case
from tests.convert.test_operators import Built

pytestmark = pytest.mark.host_c

SEED = 31
KERNELS = {"pair": "bconv2d_pair_bits", "small": "bconv2d_pair_bits", "single": "bconv2d_bits",
           "logic": "logic_bits", "select": "logic_bits", "residual": "bconv2d_add_i8"}  # fmt: skip


def all_cases() -> Iterator[tuple[str, Case]]:
    yield "pair wide", join_cases.wide_case(np.random.default_rng(SEED))
    for i in range(20):
        yield f"pair {i}", join_cases.pair_case(np.random.default_rng([SEED, 0, i]))
    for i in range(8):
        yield f"small {i}", join_cases.pair_case(np.random.default_rng([SEED, 1, i]), small=True)
        yield f"single {i}", join_cases.single_case(np.random.default_rng([SEED, 2, i]))
        yield f"residual {i}", join_cases.residual_case(np.random.default_rng([SEED, 4, i]))
        yield f"logic {i}", join_cases.logic_case(np.random.default_rng([SEED, 3, i]))
        yield f"select {i}", join_cases.select_case(np.random.default_rng([SEED, 5, i]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("join"), all_cases())


def test_equals_the_interpreter(built: Built) -> None:
    assert built.wrong("") == []
    live = sum(
        (first.outputs["z"] != second.outputs["z"]).any()
        for first, second, *_ in built.answers.values()
    )
    assert live > 0.8 * len(built.cases)


def test_no_number_is_left(built: Built) -> None:
    for name, whole in built.models.items():
        if name.startswith("residual"):
            continue  # its answer is numbers
        kinds = [op.kind for op in whole.graph.ops]
        assert not any(row["float"] for row in whole.emitted.layers), (name, kinds)
        assert all(whole.graph.tensors[o].dtype in ("bits", "planes", "uint8") for op in
                   whole.graph.ops for o in op.outputs), (name, kinds)  # fmt: skip
    for kind, kernel in KERNELS.items():
        plain = [w for n, w in built.models.items() if n.startswith(kind) and "[plain]" in n]
        assert all(any(op.kind == kernel for op in w.graph.ops) for w in plain), kind


def test_a_choice_by_a_map_is_three_operations(built: Built) -> None:
    plain = {n: w for n, w in built.models.items() if n.startswith("select") and "[plain]" in n}
    sizes: dict[str, set[int]] = {}
    for name, whole in plain.items():
        kind = built.cases[name].about["kind"]
        sizes.setdefault(kind, set()).add(len(whole.graph.ops))
    assert {"product", "limit", "majority"} <= set(sizes)
    assert sizes["limit"] == {3}
    assert sizes["majority"] == {4}
    assert sizes["product"] <= {3, 4}  # four where some channels choose the other way round


def test_every_form_is_compared(built: Built) -> None:
    sources = [w.emitted.source for w in built.models.values()]
    for form in ("bw_bconv2d_pair_bits(", "bw_planar_pair_bits(", "bw_planar_logic_bits("):
        assert sum(form in s for s in sources) > 4, form
    for decision in (".factors =", ".table ="):
        assert sum(decision in s for s in sources) > 8, decision


def test_the_judge_is_named() -> None:
    rng = np.random.default_rng(5)
    judges = Oracle(join_cases.single_case(rng).content).judges
    assert "larq-compute-engine 0." in judges
    assert "TFLite's reference kernels (tensorflow-cpu 2." in judges
    assert Oracle(cases.pool_case(rng).content).judges.startswith("larq-compute-engine 0.")
