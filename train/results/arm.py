"""What an experiment is made of: an arm is a recipe, its changes, and the steps that follow it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convert.errors import DataError

SEEDS = 3
# Priority beyond which an arm is a variant that no question of its group rests on.
CORE = 40
# In the order in which they run. Every arm begins with one of the first two.
STEPS = ("train", "prune", "int8", "robustness", "convert", "bench")
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Group:
    """A question that its arms answer together.

    Attributes:
        key: one letter.
        title: of its section.
        question: one or two sentences below the title.
        cost: what accuracy is drawn against: "instructions", "size_bits" or "" for a plain list.
    """

    key: str
    title: str
    question: str
    cost: str = ""


@dataclass(frozen=True)
class Arm:
    """One experiment, run once a seed.

    Attributes:
        name: names its files; lower case, digits and hyphens.
        group: key of its Group.
        what: a few words for tables.
        recipe: the recipe's name; an arm whose recipe is not there is left for later.
        overrides: recipe fields to change, as `kit train --set` takes them.
        steps: of STEPS; "int8" makes and judges the 8-bit form of a network with real weights,
            "bench" measures on the emulated board, see counted_apart.
        options: further words of a step's command; {runs} is the folder of all run folders, {seed}
            the seed.
        priority: low runs first within a seed; what is beyond CORE waits until all seeds of the
            rest have run.
    """

    name: str
    group: str
    what: str
    recipe: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ("train", "convert", "bench")
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priority: int = 50

    def __post_init__(self) -> None:
        wrong = [step for step in self.steps if step not in STEPS]
        order = [STEPS.index(step) for step in self.steps if step in STEPS]
        starts = self.steps[:1] in (("train",), ("prune",))
        if not NAME.fullmatch(self.name) or wrong or order != sorted(set(order)) or not starts:
            raise DataError(
                "an arm has a name of lower-case letters, digits and hyphens, and steps in order",
                where=f"arm {self.name!r}",
                found=", ".join(self.steps),
                remedy="steps: " + ", ".join(STEPS) + "; the first is train or prune",
            )

    @property
    def counted_apart(self) -> bool:
        """Its instructions follow from its structure alone, whatever a seed has learned: they are
        counted once. What a pruned network is made of was learned."""
        return self.steps[0] == "train" and "bench" in self.steps

    @property
    def seed_steps(self) -> tuple[str, ...]:
        """The steps of each seed."""
        return tuple(step for step in self.steps if step != "bench" or not self.counted_apart)


@dataclass(frozen=True, order=True)
class Job:
    """An arm with a seed; sorts as the queue runs: seed 0 of the arms that answer the questions, by
    priority, then their seeds 1 and 2, and after these the variants in the same way."""

    variant: bool
    seed: int
    priority: int
    at: int
    arm: Arm = field(compare=False)

    @property
    def name(self) -> str:
        """Stem of its result file and name of its run folder."""
        return f"{self.arm.name}-s{self.seed}"


def jobs(arms: tuple[Arm, ...], groups: str = "", seeds: int = SEEDS) -> list[Job]:
    """The queue.

    Args:
        arms: all arms.
        groups: letters to keep; empty keeps all.
        seeds: 0 … seeds - 1.
    """
    wanted = [arm for arm in arms if not groups or arm.group in groups]
    return sorted(
        Job(arm.priority > CORE, seed, arm.priority, at, arm)
        for seed in range(seeds)
        for at, arm in enumerate(wanted)
    )
