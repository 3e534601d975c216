"""Streaming schedules: sound for any chain, and the checker notices what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.geometry import SAME, VALID, out_size, pad_before
from convert.stream.check import ScheduleError, check_schedule
from convert.stream.schedule import Run, Schedule, Slide, Stage, schedule


@st.composite
def chains(draw: st.DrawFn) -> tuple[Stage, ...]:
    height = draw(st.integers(1, 48))
    stages = []
    for _ in range(draw(st.integers(1, 5))):
        kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        padding = SAME if height < kernel else draw(st.sampled_from([SAME, VALID]))
        rows = out_size(height, kernel, stride, 1, padding)
        pad = pad_before(height, rows, kernel, stride, 1, padding)
        stages.append(Stage(height, rows, kernel, stride, pad, draw(st.integers(1, 6))))
        height = rows
    return tuple(stages)


@settings(max_examples=300, deadline=None)
@given(chains(), st.booleans())
def test_every_schedule_is_sound(stages: tuple[Stage, ...], given: bool) -> None:
    made = schedule(stages, given)
    check_schedule(made)
    assert not given or all(step.stage > 0 for step in made.steps)
    # No row is computed twice: the checker counts, and this counts again by another way.
    for index, stage in enumerate(stages):
        rows = [row for step in made.steps if isinstance(step, Run) and step.stage == index
                for row in range(step.first, step.first + step.rows)]  # fmt: skip
        assert rows == list(range(len(rows)))
        assert len(rows) <= stage.out_h


PERSON = (Stage(96, 96, 1, 1, 0, 1), Stage(96, 48, 3, 2, 0, 2), Stage(48, 24, 3, 2, 0, 4))


def test_windows_hold_a_few_rows() -> None:
    assert schedule(PERSON).capacity == (5, 10)


def _broken(made: Schedule, at: int, step: Run | Slide) -> Schedule:
    return replace(made, steps=(*made.steps[:at], step, *made.steps[at + 1 :]))


def test_the_checker_notices_a_broken_schedule() -> None:
    made = schedule(PERSON)
    check_schedule(made)
    slide = next(i for i, step in enumerate(made.steps) if isinstance(step, Slide))
    dropped = made.steps[slide]
    assert isinstance(dropped, Slide)
    last = made.steps[-1]
    assert isinstance(last, Run)
    for wrong in (
        _broken(made, slide, replace(dropped, low=dropped.low + 1)),
        _broken(made, len(made.steps) - 1, replace(last, rows=last.rows - 1)),
        replace(made, steps=made.steps[:-1]),
        replace(made, capacity=(made.capacity[0] - 1, made.capacity[1])),
        replace(made, steps=made.steps[1:]),
        replace(made, given=True),
        replace(schedule(PERSON, given=True), given=False),
    ):
        with pytest.raises(ScheduleError):
            check_schedule(wrong)


def test_a_chain_must_fit() -> None:
    with pytest.raises(ValueError, match="fit each other"):
        schedule((Stage(8, 8, 1, 1, 0, 1), Stage(9, 9, 1, 1, 0, 1)))
