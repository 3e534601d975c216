"""Order of execution of a chain of layers that run a few rows at a time.

Every layer makes its rows in batches, and only when the layer behind it asks for them (depth
first); each map but the last lives in a window of the rows that are still needed. No row is
computed twice.

Rows are counted in the whole map. Output row y reads rows y * stride - pad ...
y * stride - pad + kernel - 1 of the map before it, cut at the borders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True)
class Stage:
    """One layer of the chain.

    Attributes:
        in_h, out_h: rows of its input and output map.
        kernel, stride, pad: rows of the kernel, its step, and rows of padding above the map.
        batch: rows made in one call, at least 1.
    """

    in_h: int
    out_h: int
    kernel: int
    stride: int
    pad: int
    batch: int

    def needs(self, first: int, rows: int) -> tuple[int, int]:
        """Input rows [low, high) that output rows first ... first + rows - 1 read."""
        low = max(0, first * self.stride - self.pad)
        high = min(self.in_h, (first + rows - 1) * self.stride - self.pad + self.kernel)
        # a kernel that lies wholly in the padding reads no row at all
        return min(low, self.in_h), max(min(low, self.in_h), high)


@dataclass(frozen=True)
class Slide:
    """Window `stage` drops rows below `low`: it then holds [low, high)."""

    stage: int
    low: int
    high: int


@dataclass(frozen=True)
class Run:
    """Stage `stage` makes rows [first, first + rows), reading the window before it, which holds
    [in_low, in_high); they are appended to its own window, which began at `low`."""

    stage: int
    first: int
    rows: int
    in_low: int
    in_high: int
    low: int


Step = Slide | Run


@dataclass
class _State:
    """Windows while the schedule is made: each stage holds rows [low, high) of its output."""

    stages: tuple[Stage, ...]
    low: list[int]
    high: list[int]
    steps: list[Step] = field(default_factory=list)
    capacity: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Schedule:
    """Steps in order, and for every stage but the last the most rows that its window holds.

    The input of stage 0 is not held here: its rows [in_low, in_high) come from outside in order.
    Where stage 0 is `given`, its whole map is there from the beginning and stays: it never runs.
    """

    stages: tuple[Stage, ...]
    steps: tuple[Step, ...]
    capacity: tuple[int, ...]
    given: bool = False

    def text(self) -> str:
        lines = [f"windows of {', '.join(map(str, self.capacity))} rows"]
        for step in self.steps:
            if isinstance(step, Slide):
                lines.append(f"slide {step.stage}: keep {step.low}..{step.high}")
            else:
                lines.append(
                    f"run {step.stage}: rows {step.first}..{step.first + step.rows} "
                    f"from {step.in_low}..{step.in_high}"
                )
        return "\n".join(lines)


def _produce(state: _State, index: int, upto: int) -> None:
    """Makes rows of a stage until `upto` of them exist."""
    stage = state.stages[index]
    while state.high[index] < upto:
        first = state.high[index]
        rows = min(stage.batch, stage.out_h - first)
        in_low, in_high = stage.needs(first, rows)
        if index > 0:
            _produce(state, index - 1, in_high)
        if index + 1 < len(state.stages):
            following = state.stages[index + 1]
            wanted = following.needs(state.high[index + 1], 1)[0]
            keep = max(state.low[index], min(wanted, first))
            if keep > state.low[index] and first > state.low[index]:
                state.steps.append(Slide(index, keep, first))
            state.low[index] = keep
        if index > 0:
            in_low, in_high = state.low[index - 1], state.high[index - 1]
        state.steps.append(Run(index, first, rows, in_low, in_high, state.low[index]))
        state.high[index] = first + rows
        held = state.high[index] - state.low[index]
        state.capacity[index] = max(state.capacity[index], held)


def schedule(stages: tuple[Stage, ...], given: bool = False) -> Schedule:
    """The steps that compute the last stage's whole output.

    Args:
        given: the map that stage 0 stands for is there as a whole.

    Raises:
        ValueError: there is no stage, or neighbours disagree about the rows between them.
    """
    if not stages or any(a.out_h != b.in_h for a, b in pairwise(stages)):
        raise ValueError("the stages of a chain must fit each other")
    n = len(stages)
    state = _State(stages, [0] * n, [0] * n, [], [0] * n)
    if given:
        state.high[0] = state.capacity[0] = stages[0].out_h
    _produce(state, n - 1, stages[-1].out_h)
    return Schedule(stages, tuple(state.steps), tuple(state.capacity[:-1]), given)
