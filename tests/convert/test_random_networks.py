"""Random networks of many operators, branches and outputs: the memory plan and the emitted calls
together give what LCE's interpreter gives, for every map, in every layout and in little RAM.

A failure shrinks to a small network; several share a program, because compiling C takes longest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.arrange import Options
from convert.compile import Compiled, compile_bytes
from convert.ir import Array
from convert.oracle import Oracle
from convert.plan_check import check_plan
from tests.convert.forms import by_rows
from tests.convert.graphs import KINDS, Network, flatbuffer, networks, noise
from tests.convert.test_operators import differences, in_every_layout
from tests.host_c import HostModels, layer_map

pytestmark = pytest.mark.host_c

EXAMPLES = 4  # programs
TOGETHER = 6  # networks in one, at most
RUNS = 2
STREAMS = 2  # forms by rows of a network, at most
Maps = Mapping[str, Array]


def tight(content: bytes, name: str) -> Compiled:
    """Planar, in the least RAM that is possible."""
    free = compile_bytes(content, name=name, options=Options(layout="planar", max_ram=1 << 30))
    assert isinstance(free, Compiled), free
    assert free.arranged is not None
    least = min(one.arena_bytes for one in free.arranged.candidates)
    made = compile_bytes(content, name=name, options=Options(layout="planar", max_ram=least))
    assert isinstance(made, Compiled), made
    assert made.plan.arena_bytes <= least
    return made


class Comparison:
    """What was compared, over all programs."""

    def __init__(self, folder: Path) -> None:
        self.folders = (folder / str(k) for k in count())
        self.maps = self.arenas = self.bounds = 0
        self.kinds: Counter[str] = Counter()

    def compare(self, drawn: list[Network]) -> None:
        """All networks in all forms against the interpreter."""
        models: dict[str, Compiled] = {}
        judges: list[tuple[Network, Oracle, list[str]]] = []
        for k, network in enumerate(drawn):
            content = flatbuffer(network)
            made = in_every_layout(content, f"n{k}") | {f"n{k} [tight]": tight(content, f"n{k}")}
            rows = zip(range(STREAMS), by_rows(content), strict=False)
            made |= {f"n{k} [rows {i}]": one for i, one in rows}
            models |= made
            judges.append((network, Oracle(content, maps=True), list(made)))
        host = HostModels(next(self.folders), models)
        for network, oracle, names in judges:
            self.kinds.update(step.kind for step in network.steps)
            rng = np.random.default_rng(4)
            for asked in (noise(network, rng) for _ in range(RUNS)):
                wanted, maps = oracle.predict(asked), oracle.maps(asked)
                for name in names:
                    self.one(host, name, asked, wanted, maps)
        for whole in models.values():
            check_plan(whole.graph, whole.plan.offsets, whole.plan.arena_bytes)
            self.arenas += whole.plan.arena_bytes
            self.bounds += whole.plan.lower_bound
            self.kinds.update(op.kind for op in whole.graph.ops)

    def one(self, host: HostModels, name: str, asked: Maps, wanted: Maps, maps: Maps) -> None:
        """One answer, and every map that is there as a whole."""
        whole = host.models[name]
        trace = all(op.kind != "stream" for op in whole.graph.ops)  # its layers run by turns
        (answer,) = host.run([(name, asked, trace)])
        assert differences(dict(answer.outputs), dict(wanted)) == 0, name
        for layer in range(len(whole.emitted.layers) if trace else 0):
            tensor, got = layer_map(whole, answer, layer)
            if tensor in maps:
                assert differences({"m": got}, {"m": maps[tensor]}) == 0, (name, tensor)
                self.maps += 1


def test_every_map_equals(tmp_path: Path) -> None:
    comparison = Comparison(tmp_path)

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(networks(), min_size=1, max_size=TOGETHER))
    def equal(drawn: list[Network]) -> None:
        comparison.compare(drawn)

    equal()
    assert comparison.maps > 200
    for kind in KINDS:
        assert comparison.kinds[kind] > 0, kind
    for kernel in ("stream", "bconv2d_pair_bits", "planar_pair_bits", "bconv2d_add_i8",
                   "logic_bits", "planar_logic_bits", "gather_channels_bits"):  # fmt: skip
        assert comparison.kinds[kernel] > 0, kernel
    # Plans are near what none can beat.
    assert comparison.bounds <= comparison.arenas <= 1.05 * comparison.bounds
