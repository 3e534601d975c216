"""What a pass is: a function from one operation to what replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convert.ir import Graph, Op, Tensor
from convert.pixels import Scaling
from convert.rules import Refusal


@dataclass(frozen=True)
class Context:
    """What lowering knows beside the graph: what a byte of a float input stands for."""

    scaling: Scaling | None = None


@dataclass(frozen=True)
class Rewrite:
    """`ops` stand in the place of the matched operation, `removed` disappear."""

    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...] = ()
    removed: tuple[Op, ...] = ()


Pass = Callable[[Graph, Op, Context], Rewrite | Refusal | None]
