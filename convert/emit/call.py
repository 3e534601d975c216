"""A kernel call of the generated code."""

from __future__ import annotations

from dataclasses import dataclass, field

from convert.ir import Array, Op

Fields = list[tuple[str, str]]
Arrays = list[tuple[str, Array]]


@dataclass(frozen=True)
class Call:
    """One kernel call as C.

    arrays are (suffix, data); a field value, or a part of it, "@suffix" stands for that array's
    name. arguments, when given, are (C type, place) of every pointer behind the descriptor: "in0",
    "out1", "@suffix" or "NULL"; otherwise they are the first input and the first output, with
    in_type and out_type. more are further calls of the same layer.
    """

    struct: str
    function: str
    fields: Fields
    arrays: list[tuple[str, Array]]
    in_type: str
    out_type: str
    kind: str  # "binary", "int8" or "other"
    macs: int = 0
    is_float: bool = False
    notes: list[str] = field(default_factory=list)
    arguments: tuple[tuple[str, str], ...] = ()
    more: tuple[Call, ...] = ()

    @property
    def all(self) -> tuple[Call, ...]:
        """This call and those that follow it."""
        return (self, *self.more)

    @property
    def pointers(self) -> tuple[tuple[str, str], ...]:
        """(C type, place) of every pointer behind the descriptor."""
        return self.arguments or ((self.in_type, "in0"), (self.out_type, "out0"))


def decided(op: Op) -> tuple[Fields, Arrays]:
    """Fields and arrays of a joined operator's decision: a line or a table of thresholds."""
    decision = op.attrs["decision"]
    fields = [(name, f"@{name}") for name in decision]
    return [*fields, ("states", f"{op.attrs['states']}")], list(decision.items())
