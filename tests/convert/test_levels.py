"""Table convolutions: equal to LCE's interpreter, on every core, and taken where they pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from convert.costs import Model
from convert.ir import Array
from convert.lower import levels
from convert.lower.levels import KIND, MOST_BYTES, Codes, tables
from convert.oracle import Oracle
from tests.convert import encoder_cases
from tests.convert.cases import filter_bits, thresholds_for
from tests.convert.flat import SAME, VALID, Flat
from tests.convert.level_cases import First, first_layer
from tests.convert.level_costs import lowered, measured, shape_of, spread, with_pairs
from tests.convert.test_controls import mutate
from tests.convert.test_operators import differences
from tests.host_c import HostModels
from tests.int8 import cores

pytestmark = pytest.mark.host_c

SEED, COUNT = 11, 28
Rng = np.random.Generator


def random_first(rng: Rng) -> tuple[First, bytes]:
    """A first layer of any shape that the kernel takes; every fourth has nine taps of gray."""
    nine = rng.random() < 0.25
    in_c = 1 if nine else int(rng.choice([1, 1, 2, 3, 4]))
    most = max(k for k in range(1, 6) if k * k * in_c <= levels.MOST_TAPS)
    kernel = 3 if nine else int(rng.integers(1, most + 1))
    dilation = 1 if nine else int(rng.choice([1, 1, 2]))
    reach = (kernel - 1) * dilation + 1
    one = First(
        size=(int(rng.integers(reach, reach + 12)), int(rng.integers(reach, reach + 12))),
        in_c=in_c,
        planes=int(rng.choice([1, 2, 4, 8])),
        filters=int(rng.choice([1, 5, 31, 32, 33, 64])),
        kernel=kernel,
        stride=int(rng.integers(1, 4)) if dilation == 1 else 1,
        dilation=dilation,
        padding=SAME if rng.random() < 0.6 else VALID,
        second=int(rng.choice([0, 0, 1, 2, 3])),
    )
    # between bytes, and beyond both ends, so that some levels are missing
    limits = rng.integers(-20, 276, one.in_c * one.planes) - 0.5
    return one, first_layer(one, rng, limits=limits)


def pictures(rng: Rng, one: First) -> list[dict[str, Array]]:
    shape = (1, *one.size, one.in_c)
    noise = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    smooth = np.clip(rng.normal(128, 30, shape), 0, 255).astype(np.uint8)
    return [{"x": p} for p in (*noise, smooth, np.zeros(shape, np.uint8))]


def compiled(content: bytes, options: Options) -> Compiled:
    made = compile_bytes(content, name="m", options=options)
    assert isinstance(made, Compiled), [r.as_dict() for r in made]
    return made


def table(content: bytes, core: str = "cortex-m4") -> Compiled:
    return compiled(content, Options(layout="table", core=core))


def convolution(content: bytes) -> str:
    """The name of the first one."""
    return next(op.name for op in lowered(content).ops if op.kind == "bconv2d_bits")


def wrong_lane(attrs: dict[str, Any]) -> None:
    """One filter's count is larger by one, in every other entry."""
    words = attrs["tables"].words.copy()
    words[0, ::16] += np.uint32(1)
    attrs["tables"] = replace(attrs["tables"], words=words)


def wrong_level(attrs: dict[str, Any]) -> None:
    level = attrs["tables"].level
    attrs["tables"] = replace(attrs["tables"], level=np.roll(level, 16, axis=1))


def wrong_origin(attrs: dict[str, Any]) -> None:
    attrs["shape"] = replace(attrs["shape"], pad_left=attrs["shape"].pad_left + 1)


CONTROLS = {"lane": wrong_lane, "level": wrong_level, "origin": wrong_origin}


@pytest.fixture(scope="module")
def random_layers() -> Mapping[str, tuple[First, bytes]]:
    return {f"layer {k}": random_first(np.random.default_rng([SEED, k])) for k in range(COUNT)}


def test_random_layers_equal_the_interpreter(
    random_layers: Mapping[str, tuple[First, bytes]], tmp_path: Path
) -> None:
    models: dict[str, Compiled] = {}
    origin: dict[str, str] = {}
    for name, (_, content) in random_layers.items():
        made = {name: table(content)}
        planar = Options(layout="planar", layouts={convolution(content): "table"})
        made[f"{name}, planar"] = compiled(content, planar)
        graph = lowered(content)
        most = shape_of(made[name])[0].taps * random_layers[name][0].in_c // 2
        made |= {f"{name}, {n} pairs": with_pairs(graph, n) for n in {0, most // 2, most}}
        made |= {f"{name}, half-words": with_pairs(graph, most // 2, 16)}
        models |= made
        origin |= dict.fromkeys(made, name)
    kinds = [op.kind for whole in models.values() for op in whole.graph.ops]
    assert kinds.count(KIND) > COUNT
    assert kinds.count(f"planar_{KIND}") > 5
    split = [op for whole in models.values() for op in whole.graph.ops if "stride_h" in op.attrs]
    assert sum(op.kind == f"planar_{KIND}" for op in split) > 2
    host = HostModels(tmp_path, models)
    wrong, live = [], 0
    for name, (one, content) in random_layers.items():
        shots = pictures(np.random.default_rng([SEED, 1]), one)
        oracle = Oracle(content)
        wanted = [oracle.predict(shot) for shot in shots]
        live += len({next(iter(w.values())).tobytes() for w in wanted}) > 2
        for model in (m for m, of in origin.items() if of == name):
            answers = host.run([(model, shot, False) for shot in shots])
            found = [differences(dict(a.outputs), w) for a, w in zip(answers, wanted, strict=True)]
            wrong += [(model, one, found)] if any(found) else []
    assert not wrong
    assert live > 0.7 * COUNT


def test_a_wrong_entry_level_or_origin_is_noticed(tmp_path: Path) -> None:
    one = First((24, 24), stride=2, second=1)
    content = first_layer(one, np.random.default_rng(2), thresholds=np.full(32, 36, np.int32))
    for packed in (True, False):
        right = with_pairs(lowered(content), 4) if packed else table(content)
        kind = right.graph.ops[0].kind
        models = {"right": right}
        models |= {name: mutate(right, kind, change) for name, change in CONTROLS.items()}
        host = HostModels(tmp_path / kind, models)
        shots = pictures(np.random.default_rng(3), one)
        oracle = Oracle(content)
        wanted = [oracle.predict(shot) for shot in shots]
        counts = {
            name: sum(
                differences(dict(a.outputs), w)
                for a, w in zip(host.run([(name, s, False) for s in shots]), wanted, strict=True)
            )
            for name in models
        }
        assert counts.pop("right") == 0
        assert min(counts.values()) > 0, (kind, counts)


def lanes_of(made: levels.Tables, taps: int, filters: int) -> list[Array]:
    """The numbers in the tables: [entries, filters] of every group, as the kernel finds them."""
    words, size = made.lanes, made.levels
    lane = np.arange(32)
    mask = np.uint32((1 << made.lanes) - 1)
    entries = made.words.reshape(len(made.words), -1, words)
    shift = (lane // words * made.lanes).astype(np.uint32)
    numbers = entries[:, :, lane % words] >> shift & mask
    numbers = numbers.transpose(1, 0, 2).reshape(entries.shape[1], -1)[:, :filters].astype(np.int64)
    pairs, singles = made.pairs, taps - 2 * made.pairs
    both = numbers[: size * size * pairs].reshape(size * size, pairs, filters)
    alone = numbers[size * size * pairs :].reshape(size, singles, filters)
    return [*both.transpose(1, 0, 2), *alone.transpose(1, 0, 2)]


def test_lanes_are_exact_up_to_their_bounds() -> None:
    """All levels of all taps, thresholds at and beyond both ends: the upper bit is the comparison,
    no lane carries, and 16 bits are taken only where 8 would not do."""
    rng = np.random.default_rng(SEED)
    ends = {8: set[int](), 16: set[int]()}
    for k in range(200):
        taps, size, filters = int(rng.integers(1, 5)), int(rng.integers(2, 6)), 40
        most = int(rng.choice([1, 3, 32, 42, 43, 63, 64, 65, 127, 128, 255, 400]))
        delta = rng.integers(-most, most + 1, (taps, size, filters))
        delta[:, 0] = 0
        sums = np.zeros((1, filters), np.int64)
        for tap in delta:
            sums = (sums[:, None] + tap[None]).reshape(-1, filters)
        low, high = sums.min(0), sums.max(0)
        limits = rng.integers(low - 2, high + 2)
        narrow = k % 2 == 0  # near what 8 bits hold
        if narrow:
            limits = np.clip(limits, high - 128, low + 127)
        limits[:2] = -(2**31), 2**31 - 1
        made = tables(Codes(np.zeros((1, 256), np.uint8), limits, delta), taps // 2)
        assert made is not None
        total = np.zeros((1, filters), np.int64)
        for n, numbers in enumerate(lanes_of(made, taps, filters)):
            assert len(numbers) == (size * size if n < made.pairs else size)
            total = (total[:, None] + numbers[None]).reshape(-1, filters)
        assert ((total >> (made.lanes - 1)) == (sums > limits)).all()
        if narrow and (limits[2:] <= low[2:] + 127).all() and (limits[2:] >= high[2:] - 128).all():
            assert made.lanes == 8
        ends[made.lanes] |= {int(total.min()), int(total.max())}
    assert ends[8] >= {0, 255}  # both bounds are reached
    assert max(ends[16]) > 1 << 15


@pytest.mark.parametrize(
    ("limits", "lanes", "saturates"),
    [
        ((124, 127), 8, False),
        ((124, 128), 16, False),
        ((123, 127), 8, True),
        ((-1, 252), 16, False),
    ],
)
def test_the_kernel_at_the_bounds(
    limits: tuple[int, int], lanes: int, saturates: bool, tmp_path: Path
) -> None:
    """Four taps of 63 planes and weights of +1: counts of 0 to 252, R - T <= 128 and T <= 127."""
    one = First((9, 9), planes=63, filters=32, kernel=2, stride=1, padding=VALID)
    f = Flat()
    x = f.input("x", (1, 9, 9, 1), "float32")
    steps = 4 * np.arange(1, 64) - 0.5
    bits = f.quantize(f.depthwise(x, np.ones((1, 1, 1, 63), np.float32), -steps))
    thresholds = np.linspace(*limits, 32).round().astype(np.int32)
    y = f.bconv(bits, np.zeros((32, 2, 2, 63), np.uint8), 63, thresholds=thresholds, padding=VALID)
    f.output("y", y)
    content = f.finish(encoder_cases.RAW)
    made = table(content)
    taken = shape_of(made)[1]
    assert (taken.lanes, taken.saturates) == (lanes, saturates)
    plain = shape_of(table(content, "cortex-m3"))[1]
    assert (plain.lanes, plain.saturates) == (16 if saturates else lanes, False)
    shots = pictures(np.random.default_rng(1), one)
    shots += [{"x": np.full((1, 9, 9, 1), v, np.uint8)} for v in (0, 124, 128, 255)]
    answers = HostModels(tmp_path, {"m": made}).run([("m", shot, False) for shot in shots])
    oracle = Oracle(content)
    for answer, shot in zip(answers, shots, strict=True):
        assert differences(dict(answer.outputs), oracle.predict(shot)) == 0


def many_planes(k: int) -> tuple[First, bytes]:
    """3x3 taps of 32 planes, most of a tap's alike, and thresholds below the middle."""
    rng = np.random.default_rng([SEED, 32, k])
    size = (int(rng.integers(4, 14)), int(rng.integers(4, 14)))
    filters = int(rng.choice([20, 32, 40]))
    one = First(size, planes=32, filters=filters, stride=k % 3 + 1, alike=0.9)
    thresholds = rng.integers(95, 120, filters).astype(np.int32)
    return one, first_layer(one, rng, thresholds=thresholds)


def test_sums_beyond_a_byte_saturate(tmp_path: Path) -> None:
    layers = [many_planes(k) for k in range(12)]
    models = {f"m{k}": table(content) for k, (_, content) in enumerate(layers)}
    taken = [shape_of(made)[1] for made in models.values()]
    assert sum(one.saturates for one in taken) > 3
    assert {one.lanes for one in taken if one.saturates} == {8}
    host = HostModels(tmp_path, models)
    for (one, content), name in zip(layers, models, strict=True):
        oracle = Oracle(content)
        for shot in pictures(np.random.default_rng(1), one):
            (answer,) = host.run([(name, shot, False)])
            assert differences(dict(answer.outputs), oracle.predict(shot)) == 0, one


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], list[Compiled]]:
    models = [with_pairs(lowered(first_layer(one, np.random.default_rng(5))), pairs, lanes)
              for one, pairs, lanes in list(spread())[::6]]  # fmt: skip
    models += [
        table(random_first(np.random.default_rng([SEED, k]))[1], core="cortex-m55")
        for k in range(8)
    ]
    models += [table(many_planes(k)[1]) for k in range(8)]
    assert sum(shape_of(whole)[1].saturates for whole in models[-8:]) > 2
    kinds = {op.kind for whole in models for op in whole.graph.ops}
    assert kinds >= {KIND, f"planar_{KIND}"}
    folder = tmp_path_factory.mktemp("cores")
    return folder, cores.write(models, folder, binary=True), models


@pytest.mark.emulator
@pytest.mark.parametrize("core", list(cores.CORES))
def test_every_core_answers_what_this_machine_does(
    core: str, grid: tuple[Path, list[Path], list[Compiled]]
) -> None:
    folder, sources, models = grid
    wanted = [run.hash for run in cores.on_host(folder, sources)]
    assert [run.hash for run in cores.on_core(core, folder, sources)] == wanted
    assert len(set(wanted)) > 0.8 * len(models)


@pytest.mark.emulator
@pytest.mark.parametrize("core", ["m0", "m4", "m55"])
def test_costs_are_predicted(core: str) -> None:
    """Of layers that the table was not fitted to."""
    layers = (
        First((60, 52), stride=2),
        First((60, 52), planes=5, in_c=3),
        First((40, 44), planes=16, stride=2),
        First((40, 44), kernel=4, stride=2),
    )
    name = {"m0": "cortex-m0"}.get(core, f"cortex-{core}")
    models = [table(first_layer(one, np.random.default_rng(1)), core=name) for one in layers]
    predicted = [Model(name).tables(whole.graph.ops[0]) for whole in models]
    for one, guess, found in zip(layers, predicted, measured(core, models), strict=True):
        assert abs(guess / found - 1) < 0.1, (one, guess, found)


def kinds_of(content: bytes, **options: Any) -> list[str]:
    return [op.kind for op in compiled(content, Options(**options)).graph.ops]


def test_tables_are_taken_where_they_pay_and_as_asked() -> None:
    content = first_layer(First(second=2), np.random.default_rng(0))
    conv, taken = convolution(content), f"planar_{KIND}"
    assert kinds_of(content) == [taken, "planar_conv_bits", "pack_planes"]
    for asked in ("packed", "planar"):
        assert not any(KIND in kind for kind in kinds_of(content, layout=asked))
        assert not any(KIND in kind for kind in kinds_of(content, layouts={conv: asked}))
        kinds = kinds_of(content, layout=asked, layouts={conv: "table"})
        assert kinds[0] == {"packed": KIND, "planar": taken}[asked]
        encoder = lowered(content).ops[0].name
        assert not any(KIND in kind for kind in kinds_of(content, layouts={encoder: asked}))
        kinds = kinds_of(content, layout="table", layouts={encoder: asked})
        assert not any(KIND in kind for kind in kinds)
    assert not any(KIND in kind for kind in kinds_of(content, rows=True))
    # 17,568 bytes of tables for a map of 2 x 2 pixels and one filter
    small = first_layer(First((6, 6), planes=60, filters=1), np.random.default_rng(0))
    assert not any(KIND in kind for kind in kinds_of(small))
    assert KIND in kinds_of(small, layouts={convolution(small): "table"})
    for wrong in ({"none": "table"}, {encoder: "planar", conv: "table"}):
        refused = compile_bytes(content, name="m", options=Options(layouts=wrong))
        assert isinstance(refused, list)


def no_table(content: bytes) -> None:
    """It compiles, not with tables even when asked for, and says so."""
    assert not any(KIND in kind for kind in kinds_of(content, layout="table"))
    asked = Options(layouts={convolution(content): "table"})
    refused = compile_bytes(content, name="m", options=asked)
    assert isinstance(refused, list)
    assert "table" not in refused[0].remedy


def test_what_the_kernel_does_not_take_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    no_table(first_layer(First((48, 48), planes=200), rng))  # 57,888 bytes of tables
    no_table(first_layer(First((48, 48), filters=65), rng))
    no_table(first_layer(First((48, 48), kernel=6), rng))
    f = Flat()  # another reader of the planes
    x = f.input("x", (1, 24, 24, 1), "float32")
    steps = np.arange(30, 240, 30) - 0.5
    bits = f.quantize(f.depthwise(x, np.ones((1, 1, 1, 7), np.float32), -steps))
    for k in range(2):
        weights = filter_bits(rng, 32, 3, 3, len(steps))
        thresholds = thresholds_for(rng, 32, weights[0].size)
        f.output(f"y{k}", f.bconv(bits, weights, len(steps), thresholds=thresholds))
    no_table(f.finish(encoder_cases.RAW))


def test_zero_padding_before_bits_is_refused_with_tables_too() -> None:
    """LCE's interpreter, which would be asked for the truth, dies of it."""
    rng = np.random.default_rng(0)
    f = Flat()
    x = f.input("x", (1, 24, 24, 1), "float32")
    steps = np.arange(30, 210, 30) - 0.5
    bits = f.quantize(f.depthwise(x, np.ones((1, 1, 1, 6), np.float32), -steps))
    weights = filter_bits(rng, 32, 3, 3, len(steps))
    thresholds = thresholds_for(rng, 32, weights[0].size)
    f.output("y", f.bconv(bits, weights, len(steps), thresholds=thresholds, pad_values=0))
    refused = compile_bytes(f.finish(encoder_cases.RAW), name="m", options=Options(layout="table"))
    assert isinstance(refused, list)
    assert "Zero padding" in refused[0].rule
    assert refused[0].remedy == "use pad_values=1"


def test_a_limit_on_memory_is_met_as_without_tables() -> None:
    """A first layer with a large map runs by rows where its tables' map does not fit."""
    content = first_layer(First((64, 64), stride=1, second=2), np.random.default_rng(0))
    plain = compiled(content, Options(layout="planar", max_ram=1 << 20))
    free = compiled(content, Options(max_ram=1 << 20))
    assert plain.arranged is not None
    assert free.arranged is not None
    assert free.arranged.chosen.tables
    assert free.arranged.chosen.instructions < plain.arranged.chosen.instructions
    least = min(one.arena_bytes for one in plain.arranged.candidates)
    assert min(one.arena_bytes for one in free.arranged.candidates) <= least
    tight = compiled(content, Options(max_ram=least))
    assert tight.plan.arena_bytes <= least
    assert MOST_BYTES == 24 * 1024
