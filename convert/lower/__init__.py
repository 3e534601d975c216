"""Lowering: from the flatbuffer's operators to kernel calls, in passes of one idea each."""

from convert.lower.driver import lower
from convert.lower.passes import PASSES
from convert.lower.rewrite import Context

__all__ = ["PASSES", "Context", "lower"]
