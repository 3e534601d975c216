"""Layers of binarized networks."""

from train.layers.bits import AlreadyBits
from train.layers.glt import GLT
from train.layers.gradual import GradualKernel, GradualSign
from train.layers.grouped import GroupedQuantConv2D
from train.layers.shuffle import ChannelShuffle

__all__ = [
    "GLT",
    "AlreadyBits",
    "ChannelShuffle",
    "GradualKernel",
    "GradualSign",
    "GroupedQuantConv2D",
]
