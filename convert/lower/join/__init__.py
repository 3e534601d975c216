"""Signs of what was computed element by element from bits: no map of numbers need exist.

`cone` finds the operations between some maps of bits and a sign, and evaluates them; `logic` makes
bit operations of those that read bits alone, `decide` one integer comparison of those that read
binary convolutions.
"""

from convert.lower.join.decide import decide
from convert.lower.join.logic import logic

__all__ = ["decide", "logic"]
