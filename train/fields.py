"""Fields of descriptions (networks, tasks, recipes): dataclasses take anything, so that each looks
at its own when it is made."""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from convert.errors import BitWakeError, DataError, ModelError

MOST = 65_536  # of a whole number in a description: no channel, side or stride comes near it
LARGEST = 1e6  # of a real one


@functools.cache
def hints(kind: type) -> dict[str, Any]:
    """Field -> type of a dataclass."""
    known = typing.get_type_hints(kind)
    return {each.name: known[each.name] for each in fields(kind)}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type. A whole number is a real one too; True is no number, and a
    class is none of its instances."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, each) for each in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[-1] is Ellipsis:
            return all(fits(each, inner[0]) for each in value)
        return len(value) == len(inner) and all(map(fits, value, inner))
    if hint is float:
        return type(value) in (int, float)
    if hint in (bool, int, str, type(None)):
        return type(value) is hint
    return hint is Any or (isinstance(value, origin or hint) and not isinstance(value, type))


def called(hint: Any) -> str:
    """A type in words."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(map(called, typing.get_args(hint)))
    if hint is type(None):
        return "None"
    return str(hint) if typing.get_origin(hint) else str(getattr(hint, "__name__", hint))


def check_fields(
    of: Any, what: str, error: type[BitWakeError] = ModelError, **ranges: tuple[float, float]
) -> None:
    """Refuses a dataclass with a field of another type than it is declared with, or a number that
    none can have. A list where a tuple is declared becomes one.

    Args:
        of: the instance, in its __post_init__.
        what: what it is, for the message.
        error: what is raised.
        ranges: field -> least and largest, in tuples of each; else whole numbers are between
            ± MOST, and real ones between ± LARGEST or, for the class to judge, not finite.

    Raises:
        error: the field is named.
    """
    kind: Any = type(of)
    for name, hint in hints(kind).items():
        value = getattr(of, name)
        if type(value) is list and not fits(value, hint) and fits(tuple(value), hint):
            value = tuple(value)
            object.__setattr__(of, name, value)
        if not fits(value, hint):
            raise error(
                f"{name} of {what} is {called(hint)}",
                found=repr(value)[:200],
                remedy=f"give it {called(hint)}",
            )
        for each in value if isinstance(value, tuple) else (value,):
            if type(each) not in (int, float):
                continue
            if name not in ranges and not math.isfinite(each):
                continue
            usual = MOST if type(each) is int else LARGEST
            least, most = ranges.get(name, (-usual, usual))
            if not least <= each <= most:  # NaN lies in no range
                raise error(
                    f"{name} of {what} is out of range",
                    found=repr(value)[:200],
                    remedy=f"from {least:g} to {most:g}",
                )


def typed(kind: type, values: Mapping[str, Any], what: str, where: str) -> dict[str, Any]:
    """Values for fields of a dataclass of plain types; whole numbers become floats where those are
    wanted.

    Raises:
        DataError: a field that there is not, or a value of another type.
    """
    known = hints(kind)
    found = {}
    for name, value in values.items():
        kinds = typing.get_args(known.get(name)) or (known.get(name),)
        if float in kinds and type(value) is int:
            value = float(value)
        if type(value) not in kinds:
            wanted = " or ".join("null" if k is type(None) else k.__name__ for k in kinds if k)
            raise DataError(
                f"{what} has no such field"
                if name not in known
                else f"{name} of {what} is {wanted}",
                where=where,
                found=name if name not in known else repr(value),
                remedy="fields: " + ", ".join(sorted(known))
                if name not in known
                else f"give it {wanted}",
            )
        found[name] = value
    return found
