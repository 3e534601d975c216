"""Row-streaming against the same network run map by map: the C on this machine, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from convert.arrange import Options, arrange
from convert.compile import Compiled, compile_bytes
from convert.emit import emit
from convert.geometry import SAME, VALID, out_size, pad_before
from convert.ir import Array, Graph, Op, Port, Tensor
from convert.layout import PACKED, PLANAR
from convert.level_choice import possible, with_tables
from convert.lower.chain import LEVEL, MAP, chain_at, find_chain, starts
from convert.lower.encoder import make_table
from convert.lower.planar import to_planar
from convert.lower.stream import StreamCall, stream
from convert.plan import make_plan
from convert.plan_check import check_plan
from convert.planar.geometry import plane_words
from convert.stream.check import ScheduleError
from convert.stream.check_calls import check_calls
from convert.words import pack
from tests.host_c import ROOT, HostModels

pytestmark = pytest.mark.host_c

NETWORKS = 8
CORE = "cortex-m4"


def compiled(graph: Graph) -> Compiled:
    plan = make_plan(graph)
    check_plan(graph, plan.offsets, plan.arena_bytes)
    return Compiled(graph, plan, emit(graph, plan, "0" * 64), "0" * 64)


def convolution(rng: np.random.Generator, number: int, before: Tensor) -> tuple[Op, Tensor]:
    """A random binary convolution on a map of bits, as lowering leaves it."""
    _, h, w, cin = before.shape
    k_h, k_w = (int(v) for v in rng.choice([(3, 3), (3, 3), (1, 1), (2, 3), (5, 1)]))
    stride = int(rng.choice([1, 1, 2]))
    padding = VALID if h >= k_h and w >= k_w and rng.random() < 0.3 else SAME
    oh, ow = (
        out_size(n, k, stride, 1, padding) for n, k in ((h, k_h), (w, k_w))
    )  # fmt: skip
    groups = 2 if cin % 64 == 0 and rng.random() < 0.7 else 1
    co = groups * int(rng.choice([4, 16, 32]))
    inputs = k_h * k_w * cin // groups
    attrs = {
        "channels_in": cin, "groups": groups, "k_h": k_h, "k_w": k_w,
        "stride_h": stride, "stride_w": stride, "dilation_h": 1, "dilation_w": 1,
        "pad_top": pad_before(h, oh, k_h, stride, 1, padding),
        "pad_left": pad_before(w, ow, k_w, stride, 1, padding), "zero_padding": 0,
        "weights": pack(rng.integers(0, 2, (co, k_h, k_w, cin // groups), np.uint8)),
        "thresholds": rng.normal(inputs / 2, inputs**0.5, co).astype(np.int32),
    }  # fmt: skip
    out = Tensor(f"t{number}", (1, oh, ow, co), "bits")
    return Op("bconv2d_bits", f"conv{number}", (before.name,), (out.name,), attrs), out


def pooling(rng: np.random.Generator, number: int, before: Tensor) -> tuple[Op, Tensor]:
    """A random max pooling, half of them 2x2 side by side."""
    _, h, w, channels = before.shape
    window = (2, 2, 2) if rng.random() < 0.5 else tuple(int(v) for v in rng.integers(1, 4, 3))
    k_h, k_w, stride = window
    padding = VALID if h >= k_h and w >= k_w and rng.random() < 0.5 else SAME
    oh, ow = (out_size(n, k, stride, 1, padding) for n, k in ((h, k_h), (w, k_w)))
    attrs = {
        "k_h": k_h, "k_w": k_w, "stride_h": stride, "stride_w": stride,
        "pad_top": pad_before(h, oh, k_h, stride, 1, padding),
        "pad_left": pad_before(w, ow, k_w, stride, 1, padding),
    }  # fmt: skip
    out = Tensor(f"t{number}", (1, oh, ow, channels), "bits")
    return Op("bmaxpool2d_bits", f"pool{number}", (before.name,), (out.name,), attrs), out


def network(seed: int) -> Graph:
    """A thermometer, then two to five binary convolutions and poolings."""
    rng = np.random.default_rng([seed, 0x57])
    h, w, planes = int(rng.integers(6, 40)), int(rng.integers(5, 50)), int(rng.integers(1, 13))
    image = Tensor("image", (1, h, w, 1), "uint8")
    levels = np.sort(rng.integers(1, 255, planes))
    bits = (np.arange(256)[:, None] < levels).astype(np.uint32)
    table, first, span = make_table(bits, np.zeros(planes, np.int64), 1)
    last = Tensor("t0", (1, h, w, planes), "bits")
    attrs = {"table": table, "first_word": first, "span": span, "signed": False}
    ops = [Op("encode_u8", "encode", ("image",), ("t0",), attrs)]
    tensors = {"image": image, "t0": last}
    for number in range(1, int(rng.integers(3, 7))):
        pool = seed % 2 == 1 and rng.random() < 0.5
        op, last = (pooling if pool else convolution)(rng, number, last)
        ops.append(op)
        tensors[last.name] = last
    ports = ((Port("image", "image"),), (Port("bits", last.name),))
    return Graph(f"net{seed}", tuple(ops), MappingProxyType(tensors), *ports)


def forms(graph: Graph) -> dict[str, Compiled]:
    """The network packed, planar with large and small tables, and streamed to every length, from
    the encoder, from a table convolution and from every map."""
    layouts = {op.name: PLANAR for op in graph.ops}
    planar, small = (to_planar(graph, layouts, CORE, scratch) for scratch in (None, 1024))
    plain = to_planar(graph, {op.name: PACKED for op in graph.ops}, CORE)
    found = {"packed": compiled(graph), "lanes": compiled(plain), "small": compiled(small)}
    for length in range(2, len(find_chain(planar)) + 1):
        found[f"stream{length}"] = compiled(stream(planar, length, fed=length % 2 == 0))
        found[f"small{length}"] = compiled(stream(small, length, fed=length % 2 == 1))
    tables = to_planar(with_tables(graph, possible(graph, CORE)), layouts, CORE)
    links = find_chain(tables)
    if links[0].op.kind == LEVEL:
        fed = len(find_chain(tables, fed=True))
        for length in range(2, len(links) + 1):
            found[f"table{length}"] = compiled(stream(tables, length))
            if fed:
                found[f"fed{length}"] = compiled(stream(tables, length, fed=True))
    for name in starts(planar):
        for length in range(3, len(chain_at(planar, name)) + 1):
            found[f"{name}+{length}"] = compiled(stream(planar, length, at=name))
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    models = {
        f"{seed} {form}": made
        for seed in range(NETWORKS)
        for form, made in forms(network(seed)).items()
    }
    return HostModels(tmp_path_factory.mktemp("stream"), models)


def outputs(host: HostModels, names: list[str], pictures: list[Array]) -> dict[str, list[bytes]]:
    """What every model says of every picture."""
    requests = [(name, {"image": one}, False) for name in names for one in pictures]
    said = [next(iter(a.outputs.values())).tobytes() for a in host.run(requests)]
    n = len(pictures)
    return {name: said[i * n : (i + 1) * n] for i, name in enumerate(names)}


def test_streams_equal_whole_maps(host: HostModels) -> None:
    compared, varied = set(), 0
    for seed in range(NETWORKS):
        rng = np.random.default_rng(seed)
        shape = host.models[f"{seed} packed"].graph.tensors["image"].shape
        pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(3)]
        pictures.append(np.full(shape, 255, np.uint8))
        answers = outputs(
            host, [name for name in host.models if name.startswith(f"{seed} ")], pictures
        )
        wanted = answers[f"{seed} packed"]
        varied += len(set(wanted)) > 1
        for name, got in answers.items():
            assert got == wanted, name
            compared.add(name.partition(" ")[2])
    assert varied >= NETWORKS - 2
    assert {"lanes", "small", "stream2", "small3", "stream4", "table2", "table3"} <= compared
    kinds = [name.partition(" ")[2].rstrip("0123456789") for name in host.models]
    assert kinds.count("table") > 8
    assert kinds.count("fed") > 2
    pools = [
        name
        for name, made in host.models.items()
        if any(
            op.kind == "stream" and any(call.kind == "maxpool" for call in op.attrs["calls"])
            for op in made.graph.ops
        )
    ]
    assert len(pools) > 6
    assert len([name for name in compared if "+" in name]) > 6


def streams(host: HostModels) -> list[Op]:
    return [op for made in host.models.values() for op in made.graph.ops if op.kind == "stream"]


def replay(op: Op, calls: list[StreamCall]) -> None:
    """The calls of a stream, checked again with windows as large as the plan has them."""
    links = op.attrs["links"]
    graph = op.attrs["inner"].graph
    bits = {0: 32 * plane_words(*links[-1].out.shape[1:3])}
    first = int(links[0].op.kind == MAP)
    if first:
        bits[-1] = 32 * plane_words(*links[0].out.shape[1:3])
    made = stream(graph, len(links), at=links[1].op.name if first else None)
    sizes = [made.tensors[name].bytes for name in op.outputs[1:-2]]
    for k, size in enumerate(sizes):
        bits[k + 1] = 8 * size // links[k + first].out.channels
    check_calls(links, calls, bits)


def test_the_checker_notices_a_wrong_call(host: HostModels) -> None:
    """Every number of some call of every stream, one off: rows, padding, origin, where it goes."""
    noticed, kinds = 0, set()
    for op in streams(host):
        calls = list(op.attrs["calls"])
        replay(op, calls)
        for at in range(0, len(calls), 3):
            call = calls[at]
            kinds.add(call.kind)
            wrong = [
                replace(call, fields={**call.fields, name: call.fields[name] + 1})
                for name in ("pad_top", "in_origin", "from", "to")
                if name in call.fields
            ]
            wrong.append(replace(call, write=(call.write[0], call.write[1] + 4)))
            for one in wrong:
                if one.kind == "split" and one.write != call.write:
                    continue  # phases are written anew each time, wherever
                try:
                    replay(op, [*calls[:at], one, *calls[at + 1 :]])
                except ScheduleError:
                    noticed += 1
                else:
                    raise AssertionError(f"{one} is not noticed; right is {call}")
    assert noticed > 200
    assert {"encode", "level", "split", "conv", "maxpool", "slide"} <= kinds


def test_fed_models_keep_no_picture(host: HostModels) -> None:
    for name, made in host.models.items():
        fed = made.graph.inputs[0].fed
        assert ("image" in made.plan.offsets) != fed, name


def test_a_limit_is_kept_and_an_impossible_one_refused() -> None:
    content = (ROOT / "models" / "scenes-wake" / "model.tflite").read_bytes()
    free = compile_bytes(content, name="free")
    assert isinstance(free, Compiled)
    limit = 9000
    fed = compile_bytes(content, name="fed", options=Options(max_ram=limit, rows=True))
    assert isinstance(fed, Compiled)
    assert fed.plan.arena_bytes <= limit < free.plan.arena_bytes
    assert fed.arranged is not None
    assert len({c.arena_bytes for c in fed.arranged.candidates}) > 3
    refused = compile_bytes(content, name="none", options=Options(max_ram=100, rows=True))
    assert isinstance(refused, list)
    assert "--max-ram" in refused[0].rule
    stuck = arrange(network(0), Options(layouts={"nowhere": PLANAR}))
    assert isinstance(stuck, list)
