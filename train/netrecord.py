"""A network as plain data, for recipe.json, and back.

A dataclass of `train` is {"kind": "train.module.Class", its fields}, nested likewise. A BinaryNet
has no kind, and its layers are written as `Conv(channels=32, kernel=3)`. A function that builds a
model is given by its name alone, and found again through its recipe.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from convert.errors import ModelError
from train.models import binary
from train.models.binary import BinaryNet

PACKAGE = "train."


def net_record(net: Any) -> Any:
    """Plain data that tells one network from another."""
    if isinstance(net, BinaryNet):
        plain = {f.name: _plain(getattr(net, f.name)) for f in fields(net)}
        return {**plain, "layers": [repr(layer) for layer in net.layers]}
    if is_dataclass(net) and not isinstance(net, type):
        return _plain(net)
    return getattr(net, "__name__", repr(net))


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"kind": kind, **{f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    known = value is None or isinstance(value, (bool, int, float, str))
    return value if known else repr(value)


def recorded_net(record: Mapping[str, Any]) -> Any:
    """The network of a recipe.json: what `train.evaluate.build_model` builds.

    Raises:
        ModelError: the record describes a network that this checkout does not know.
    """
    net = record.get("net")
    try:
        if isinstance(net, str):
            from train import recipes

            return recipes.get(str(record["name"])).net
        if not isinstance(net, Mapping):
            raise TypeError(f"a network is no {type(net).__name__}")
        return _revived(net) if "kind" in net else _binary(net)
    except (KeyError, TypeError, ValueError, SyntaxError, AttributeError, ImportError) as error:
        raise ModelError(
            "the run's network cannot be built again",
            where=f"recipe {record.get('name')}",
            found=str(error)[:200],
            remedy="check out the commit that stands in the run's metrics.json",
        ) from None


def _binary(net: Mapping[str, Any]) -> BinaryNet:
    values = {k: _revived(v) for k, v in net.items() if k != "layers"}
    return BinaryNet(**values, layers=tuple(_layer(text) for text in net["layers"]))


def _revived(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_revived(each) for each in value)
    if not isinstance(value, Mapping):
        return value
    module, _, name = str(value["kind"]).rpartition(".")
    if not module.startswith(PACKAGE):
        raise ValueError(f"{value['kind']} is none of {PACKAGE}*")
    kind = getattr(importlib.import_module(module), name)
    if not is_dataclass(kind) or not isinstance(kind, type):
        raise ValueError(f"{value['kind']} is no description of a network")
    return kind(**{k: _revived(v) for k, v in value.items() if k != "kind"})


def _layer(text: str) -> Any:
    """`Conv(channels=32, kernel=3)` as recorded -> the layer; literals only."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError(f"not a layer: {text!r}")
    values = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return getattr(binary, call.func.id)(**values)
