"""What a network costs apart from any board: operations, bits, cycles of a systolic array.

Works on flatbuffers, so that binary, int8 and float32 networks are counted alike. No TensorFlow.
"""

from convert.analysis.count import Analysis, LayerCost, analyse
from convert.analysis.systolic import Array, cycles

__all__ = ["Analysis", "Array", "LayerCost", "analyse", "cycles"]
