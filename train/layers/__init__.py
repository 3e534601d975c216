"""Layers of binarized networks."""

from train.layers.alternate import Alternate, shifts
from train.layers.bineal import OverAdd, OverKernel, OverSign
from train.layers.bits import AlreadyBits, RepeatChannels
from train.layers.dithered import DitheredKernel
from train.layers.glt import GLT
from train.layers.gradual import GradualKernel, GradualSign
from train.layers.grouped import GroupedQuantConv2D
from train.layers.int4 import Int4Add
from train.layers.int8 import Int8Bits, Int8Conv2D, Int8Norm, Int8Range
from train.layers.logic import LogicResidual
from train.layers.rprelu import RPReLU
from train.layers.rsign import RSign
from train.layers.shuffle import ChannelShuffle
from train.layers.xnor import InputScale, MeanKernel, SpatialScale

__all__ = [
    "GLT",
    "AlreadyBits",
    "Alternate",
    "ChannelShuffle",
    "DitheredKernel",
    "GradualKernel",
    "GradualSign",
    "GroupedQuantConv2D",
    "InputScale",
    "Int4Add",
    "Int8Bits",
    "Int8Conv2D",
    "Int8Norm",
    "Int8Range",
    "LogicResidual",
    "MeanKernel",
    "OverAdd",
    "OverKernel",
    "OverSign",
    "RPReLU",
    "RSign",
    "RepeatChannels",
    "SpatialScale",
    "shifts",
]
