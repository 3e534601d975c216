"""What a pass is: a function from one operation to what replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convert.ir import Graph, Op, Tensor
from convert.pixels import Scaling
from convert.rules import Refusal


@dataclass(frozen=True)
class Context:
    """What lowering knows beside the graph: what a byte of a float input stands for, and the core
    whose instructions are to be saved."""

    scaling: Scaling | None = None
    core: str = "cortex-m4"


@dataclass(frozen=True)
class Rewrite:
    """`ops` stand in the place of the matched operation, `removed` disappear."""

    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...] = ()
    removed: tuple[Op, ...] = ()


Pass = Callable[[Graph, Op, Context], Rewrite | Refusal | None]
