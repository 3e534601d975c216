"""Lowering: from the flatbuffer's operators to kernel calls, in passes of one idea each."""

from convert.lower.passes import PASSES, Context, lower

__all__ = ["PASSES", "Context", "lower"]
