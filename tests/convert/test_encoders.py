"""Every input encoder: trained a step, converted by LCE, compiled, equal to LCE's interpreter."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from convert.compile import Compiled
from convert.oracle import Oracle
from tests.convert import encoder_cases
from tests.convert.cases import Case
from tests.convert.test_operators import compiled, differences, in_every_layout, plain
from tests.encoders import CASES, KERNELS, network
from tests.host_c import HostModels
from tests.int8 import cores
from tests.networks import Network, make

pytestmark = [pytest.mark.keras, pytest.mark.host_c]


@functools.cache
def converted(name: str) -> Network:
    """A case's network, trained a step; `make` also compares its training form with LCE."""
    return make(3 + list(CASES).index(name), 16, network(name))


RANDOM = {
    "table": (encoder_cases.table_case, 4, {"encode_u8", "planar_encode_u8"}),
    "tiles": (encoder_cases.tiles_case, 6, {"encode_tiles_u8"}),
    "planes": (encoder_cases.bit_planes_case, 8, {"bit_planes_u8"}),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        f"{kind} {i}": make(np.random.default_rng([7, len(kind), i]))
        for kind, (make, count, _) in RANDOM.items()
        for i in range(count)
    }


def test_random_encoders_equal_the_interpreter(cases: dict[str, Case], tmp_path: Path) -> None:
    models: dict[str, Compiled] = {}
    origin: dict[str, str] = {}
    for name, case in cases.items():
        made = in_every_layout(case.content, name)
        models |= made
        origin |= dict.fromkeys(made, name)
        for whole in made.values():
            kinds = {op.kind for op in whole.graph.ops} - {"pack_planes", "unpack_planes"}
            assert kinds <= RANDOM[name.split()[0]][2], (name, kinds, case.about)
    host = HostModels(tmp_path, models)
    asked = [(m, inputs) for m in models for inputs in cases[origin[m]].inputs]
    answers = host.run([(m, inputs, False) for m, inputs in asked])
    oracles = {name: Oracle(case.content) for name, case in cases.items()}
    wrong, live = [], set()
    for (m, inputs), answer in zip(asked, answers, strict=True):
        wanted = oracles[origin[m]].predict(inputs)
        if differences(dict(answer.outputs), wanted):
            wrong.append((m, cases[origin[m]].about))
        live |= {(m, array.tobytes()) for array in wanted.values()}
    assert not wrong
    assert len(live) > 2.5 * len(models)  # answers depend on the picture


@pytest.mark.emulator
@pytest.mark.parametrize("core", ["m3", "m4"])
def test_emulated_cores_compute_the_same(cases: dict[str, Case], core: str, tmp_path: Path) -> None:
    """With and without the DSP extension, on noise; this machine's answers are judged above."""
    models = [plain(case.content, name) for name, case in cases.items()]
    kernels = sorted((cores.MCU / "kernels").glob("*.c"))
    sources = [*cores.write(models, tmp_path), *kernels]
    wanted = [run.hash for run in cores.on_host(tmp_path, sources)]
    assert [run.hash for run in cores.on_core(core, tmp_path, sources)] == wanted
    assert len(set(wanted)) == len(models)


def test_sums_that_may_round_are_left_to_the_float_kernels(tmp_path: Path) -> None:
    """Weights that are no powers of two: eight convolutions and their sums, and still equal."""
    case = encoder_cases.bit_planes_case(np.random.default_rng(5), base=0.3)
    whole = plain(case.content)
    kinds = [op.kind for op in whole.graph.ops]
    assert "bit_planes_u8" not in kinds
    assert kinds.count("bconv2d_f32") % 8 == 0
    assert "add_f32" in kinds or "bconv2d_pair_bits" in kinds
    oracle = Oracle(case.content)
    answers = HostModels(tmp_path, {"m": whole}).run([("m", i, False) for i in case.inputs])
    for answer, inputs in zip(answers, case.inputs, strict=True):
        assert differences(dict(answer.outputs), oracle.predict(inputs)) == 0


@functools.cache
def models_of(name: str) -> dict[str, Compiled]:
    """With kernels chosen by cost, and with the portable reference of each."""
    content = converted(name).converted.content
    return {name: compiled(content, name), f"{name} [plain]": plain(content, name)}


@pytest.mark.parametrize("name", CASES)
def test_no_encoder_leaves_a_float_convolution(name: str) -> None:
    assert "CONV_2D" not in converted(name).converted.operators
    rows = models_of(name)[name].emitted.layers
    kinds = [row["op"] for row in rows]
    kernel = KERNELS.get(name, "encode_u8")
    # an encoder by pixel may have become one with the convolution behind it
    known = {kernel, "level_conv_u8"} if kernel == "encode_u8" else {kernel}
    assert kinds[0].removeprefix("planar_") in known, kinds
    assert sum(any(k in kind for k in ("encode", "bit_planes", "level")) for kind in kinds) == 1
    # nothing but the logits is a real number
    assert [row["name"] for row in rows if row["float"]] == ["head"]


def test_answers_are_the_interpreters(tmp_path: Path) -> None:
    models = {model: whole for name in CASES for model, whole in models_of(name).items()}
    origin = {model: model.removesuffix(" [plain]") for model in models}
    host = HostModels(tmp_path, models)
    asked = [(m, {"image": p[None]}, False) for m in models for p in converted(origin[m]).pictures]
    answers = iter(host.run(asked))
    wrong: dict[str, int] = {}
    for m in models:
        oracle, seen = Oracle(converted(origin[m]).converted.content), set()
        for p in converted(origin[m]).pictures:
            wanted = oracle.predict({"image": p[None]})
            n = differences(dict(next(answers).outputs), wanted)
            wrong |= {m: wrong.get(m, 0) + n} if n else {}
            seen.add(wanted["logits"].tobytes())
        assert len(seen) > 6, f"{m}: {len(seen)} different answers say little"
    assert not wrong


def test_a_wrong_table_place_or_mask_is_noticed(tmp_path: Path) -> None:
    """The control: each array of the encoders' kernels, changed in a few places."""
    changes = {"dither": ("table", 1), "glt-bayer": ("offset", 1), "bitplanes": ("masks", 8)}
    spoiled = {}
    for name, (array, by) in changes.items():
        whole = models_of(name)[f"{name} [plain]"]
        op = next(o for o in whole.graph.ops if o.kind == KERNELS[name])
        flat = op.attrs[array].reshape(-1)
        kept = flat.copy()
        flat[:: max(1, len(flat) // 7)] ^= np.array(by, flat.dtype)
        spoiled[name] = plain_again(whole)
        flat[:] = kept
    host = HostModels(tmp_path, spoiled)
    for name in spoiled:
        oracle = Oracle(converted(name).converted.content)
        asked = [{"image": p[None]} for p in converted(name).pictures]
        answers = host.run([(name, inputs, False) for inputs in asked])
        wanted = [oracle.predict(inputs) for inputs in asked]
        found = [differences(dict(a.outputs), w) for a, w in zip(answers, wanted, strict=True)]
        assert sum(found) > 0, name


def plain_again(whole: Compiled) -> Compiled:
    """Emitted anew from its graph."""
    from convert.emit import emit

    return Compiled(whole.graph, whole.plan, emit(whole.graph, whole.plan, "spoiled"), "spoiled")
