"""The one exception that every part of BitWake raises for a user's mistake.

It carries the four things a person needs to go on: what was wrong, where, what was found there,
and what to do. The command line prints it and exits with status 2; it never shows a traceback.
Standard library only, so that any part may import it.
"""

from __future__ import annotations

from collections.abc import Iterable


class BitWakeError(Exception):
    """A mistake or a refusal that the user can act on.

    Args:
        what: one sentence, what is wrong.
        where: file, layer, board or byte at which it is wrong; empty when there is no such place.
        found: the offending value, as found.
        remedy: what to do about it, as a command or a change to make.
    """

    def __init__(self, what: str, *, where: str = "", found: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (("where", self.where), ("found", self.found), ("do", self.remedy)):
            if text:
                lines.append(f"  {label + ':':<7}{text}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str]:
        """The same four fields for machines."""
        return {
            "what": self.what,
            "where": self.where,
            "found": self.found,
            "remedy": self.remedy,
        }


class DependencyError(BitWakeError):
    """A program or Python package is missing; the remedy is the command that installs it."""


class DataError(BitWakeError):
    """A data set, picture or cache is missing, damaged or of the wrong shape."""


class ModelError(BitWakeError):
    """A model file cannot be read, converted or compiled."""


class BoardError(BitWakeError):
    """A board is unknown, does not fit the model, or does not answer."""


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6, mark: str = "") -> str:
    """The beginning of a remedy, "did you mean X? ", or "" when no known name is near.

    Args:
        cutoff: least likeness, 0 to 1.
        mark: stands before and behind the name.
    """
    import difflib  # needed after a mistake alone

    near = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"did you mean {mark}{near[0]}{mark}? " if near else ""
