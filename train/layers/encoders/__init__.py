"""Input encoders: what turns the bytes of a picture into bits.

`encode()` puts one into a network, `calibrate()` shows the data to those that want to see it. An
encoder is named, or given as one of the frozen dataclasses of `train.layers.encoders.spec`.
"""

from train.layers.encoders.bitplanes import BitPlaneDepthwise
from train.layers.encoders.dither import Dither
from train.layers.encoders.spec import (
    ENCODERS,
    Bayer,
    BitPlanes,
    Code,
    Dithered,
    Encoder,
    Frac,
    Glt,
    encode,
    encoder_of,
    needs_thermometer,
)
from train.layers.encoders.start import calibrate
from train.layers.encoders.table import ByteTable

__all__ = [
    "ENCODERS",
    "Bayer",
    "BitPlaneDepthwise",
    "BitPlanes",
    "ByteTable",
    "Code",
    "Dither",
    "Dithered",
    "Encoder",
    "Frac",
    "Glt",
    "calibrate",
    "encode",
    "encoder_of",
    "needs_thermometer",
]
