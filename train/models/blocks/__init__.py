"""Blocks of the residual backbone, by name."""

from __future__ import annotations

from convert.errors import ModelError
from train.models.blocks.bineal import BiNeal
from train.models.blocks.bireal import BiReal
from train.models.blocks.compact import Compact
from train.models.blocks.flow import Block, Flow
from train.models.blocks.reactnet import ReActNet
from train.models.blocks.real import Real
from train.models.blocks.xnor import XNOR

KINDS: dict[str, Block] = {
    "bineal": BiNeal(),
    "bireal": BiReal(),
    "compact": Compact(),
    "reactnet": ReActNet(),
    "real": Real(),
    "xnor": XNOR(),
    "xnor++": XNOR("learned"),
}


def named(block: Block | str) -> Block:
    """A block by its name, with its defaults; a block as it is.

    Raises:
        ModelError: there is no such block.
    """
    if isinstance(block, Block) and not isinstance(block, type):
        return block
    if not isinstance(block, str) or block not in KINDS:
        raise ModelError(
            "there is no such block",
            found=str(block),
            remedy="blocks: " + ", ".join(sorted(KINDS)),
        )
    return KINDS[block]


__all__ = [
    "KINDS",
    "XNOR",
    "BiNeal",
    "BiReal",
    "Block",
    "Compact",
    "Flow",
    "ReActNet",
    "Real",
    "named",
]
