"""A second opinion on a streaming schedule: the windows replayed row by row.

It shares nothing with the scheduler but the description of the stages. Each window is a list of row
numbers; every run must find exactly the rows that its convolution reads, must make every output row
once and in order, and no window may outgrow the capacity that memory was planned for.
"""

from __future__ import annotations

from convert.stream.schedule import Run, Schedule, Slide


class ScheduleError(Exception):
    """The schedule would read a row that is not there: a bug of the scheduler."""


def check_schedule(plan: Schedule) -> None:
    """Replay all steps.

    Raises:
        ScheduleError: naming the step and the row.
    """
    stages = plan.stages
    windows: list[list[int]] = [[] for _ in stages]
    made = [0] * len(stages)
    if plan.given:  # the first map is there, and nothing may make or drop its rows
        windows[0] = list(range(stages[0].out_h))
        made[0] = stages[0].out_h
    source = 0  # rows of the picture that were read so far, in order
    for number, step in enumerate(plan.steps):
        where = f"step {number} ({step})"
        if plan.given and step.stage == 0:
            raise ScheduleError(f"{where}: the map it belongs to is given")
        if isinstance(step, Slide):
            kept = [row for row in windows[step.stage] if row >= step.low]
            if kept != list(range(step.low, step.high)):
                raise ScheduleError(f"{where}: keeps rows {kept}")
            windows[step.stage] = kept
            continue
        assert isinstance(step, Run)
        stage = stages[step.stage]
        held = list(range(step.in_low, step.in_high))
        if step.stage > 0 and windows[step.stage - 1] != held:
            raise ScheduleError(f"{where}: the window before it holds {windows[step.stage - 1]}")
        if step.stage == 0:
            if step.in_low < source - stage.kernel or step.in_high < source:
                raise ScheduleError(f"{where}: the picture's rows come in order only")
            source = step.in_high
        for out_row in range(step.first, step.first + step.rows):
            for tap in range(stage.kernel):
                row = out_row * stage.stride - stage.pad + tap
                if 0 <= row < stage.in_h and row not in held:
                    raise ScheduleError(f"{where}: output row {out_row} misses input row {row}")
        if step.first != made[step.stage]:
            raise ScheduleError(f"{where}: row {made[step.stage]} comes next")
        made[step.stage] += step.rows
        window = windows[step.stage]
        window.extend(range(step.first, step.first + step.rows))
        if window[0] != step.low:
            raise ScheduleError(f"{where}: its window begins at row {window[0]}")
        if step.stage + 1 < len(stages) and len(window) > plan.capacity[step.stage]:
            raise ScheduleError(f"{where}: {len(window)} rows in {plan.capacity[step.stage]}")
    for stage, rows in zip(stages, made, strict=True):
        if rows > stage.out_h:
            raise ScheduleError(f"{rows} rows made of {stage.out_h}")
    if made[-1] != stages[-1].out_h:
        raise ScheduleError(f"only {made[-1]} of {stages[-1].out_h} rows were made")
