"""Layers of binarized networks."""

from train.layers.bineal import OverAdd, OverKernel, OverSign
from train.layers.bits import AlreadyBits
from train.layers.glt import GLT
from train.layers.gradual import GradualKernel, GradualSign
from train.layers.grouped import GroupedQuantConv2D
from train.layers.int4 import Int4Add
from train.layers.shuffle import ChannelShuffle

__all__ = [
    "GLT",
    "AlreadyBits",
    "ChannelShuffle",
    "GradualKernel",
    "GradualSign",
    "GroupedQuantConv2D",
    "Int4Add",
    "OverAdd",
    "OverKernel",
    "OverSign",
]
