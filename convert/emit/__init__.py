"""Lowered graph and memory plan -> model.c and model.h."""

from convert.emit.model import RUNTIME_VERSION, Emitted, emit

__all__ = ["RUNTIME_VERSION", "Emitted", "emit"]
