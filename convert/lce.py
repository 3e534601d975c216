"""The parts of Larq Compute Engine that run without TensorFlow.

The package's own __init__ imports its converter, and with it TensorFlow: four seconds and hundreds
of megabytes that neither the interpreter nor the schema needs. They are loaded from their files.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from convert.errors import DependencyError


def _load(name: str, relative: str) -> ModuleType:
    """A module of the package by its file.

    Raises:
        DependencyError: the package is not installed or has no such file.
    """
    spec = importlib.util.find_spec("larq_compute_engine")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / relative
        if path.exists():
            found = importlib.util.spec_from_file_location(name, path)
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[name] = module
            found.loader.exec_module(module)
            return module
    raise DependencyError(
        "Larq Compute Engine is not installed",
        found=f"no {relative} in {', '.join(folders) or 'any folder'}",
        remedy="make convert installs it, or: pip install --no-deps -r requirements-full.lock",
    )


@functools.cache
def interpreter_class() -> Any:
    """LiteInterpreter(flatbuffer, threads, reference_bconv, indirect_bgemm, xnnpack)."""
    path = "tflite/python/interpreter_wrapper_lite.so"
    return _load("interpreter_wrapper_lite", path).LiteInterpreter


@functools.cache
def schema() -> Any:
    """The object form of the flatbuffer's schema: ModelT can be changed and packed again."""
    return _load("bitwake_tflite_schema", "mlir/python/tflite_schema.py")


def unpacked(content: bytes) -> Any:
    """A flatbuffer as a ModelT."""
    return schema().ModelT.InitFromObj(schema().Model.GetRootAsModel(content, 0))


def packed(model: Any) -> bytes:
    """A ModelT as a flatbuffer."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
