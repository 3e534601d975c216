"""The schedule: in how many steps, how small each, and how the rest is retrained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convert.errors import DataError
from train.fields import check_fields
from train.models.binary import BinaryNet, count
from train.prune.blocks import Block, Weights, moved, regions, weights_without, without
from train.prune.score import Scored


@dataclass(frozen=True)
class Plan:
    """How a network is pruned.

    Attributes:
        sizes: weight bits after each step, as shares of the unpruned network's, descending.
        epochs: of retraining after each step.
        rate: of retraining, as a factor on the recipe's learning rate; the schedule starts anew.
        distilled: retrain with the unpruned network as teacher; otherwise with labels alone.
        label_weight: of the labels' loss beside the teacher's.
        temperature: of the teacher's loss.
        pictures: of the training split, spread evenly over it, that the criterion is measured on.
    """

    sizes: tuple[float, ...] = (0.75, 0.5, 0.35, 0.25)
    epochs: int = 3
    rate: float = 0.5
    distilled: bool = True
    label_weight: float = 0.5
    temperature: float = 1.0
    pictures: int = 512

    def __post_init__(self) -> None:
        check_fields(self, "a pruning plan", DataError)
        falling = all(a > b for a, b in zip((1.0, *self.sizes), self.sizes, strict=False))
        if not self.sizes or not falling or self.sizes[-1] <= 0 or self.epochs < 1:
            raise DataError(
                "a pruning plan has sizes that fall from below 1 to above 0, and epochs",
                found=f"sizes {self.sizes}, {self.epochs} epochs",
                remedy="for instance --sizes 0.75,0.5,0.25 --epochs 3",
            )
        positive = all(0 < x < math.inf for x in (self.rate, self.temperature))
        if not positive or not 0 <= self.label_weight < math.inf or self.pictures < 1:
            raise DataError(
                "a pruning plan has a rate and a temperature above 0, a label weight from 0 on and "
                "pictures",
                found=f"rate {self.rate:g}, temperature {self.temperature:g}, label weight "
                f"{self.label_weight:g}, {self.pictures} pictures",
            )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sizes": list(self.sizes)}


@dataclass(frozen=True)
class Cut:
    """A network after some of its blocks were removed.

    Attributes:
        net, weights: what is left.
        removed: the blocks, as they were numbered before the first was removed, and their scores.
    """

    net: BinaryNet
    weights: Mapping[str, Sequence[Any]]
    removed: tuple[Scored, ...]


def cut(net: BinaryNet, weights: Weights, ranked: Sequence[Scored], most_bits: float) -> Cut:
    """Remove blocks in the order given until the network has at most so many weight bits.

    The last lane of a region stays, whole: a lane of several words is more than one lane once it is
    the only one, but nothing has scored its parts. Scores are of single blocks of the network as it
    was: they are not measured anew within a step.

    Raises:
        DataError: no block is left to remove and the network is still too large.
    """
    places: dict[Block, Block | None] = {one.block: one.block for one in ranked}
    lanes = {region.maker: region.lanes for region in regions(net)}
    removed: list[Scored] = []
    for one in ranked:
        if count(net).weight_bits <= most_bits:
            break
        block = places[one.block]
        if block is None or lanes.get(block.maker, 1) < 2:
            continue
        lanes[block.maker] -= 1
        weights, net = weights_without(net, weights, block), without(net, block)
        places = {k: v if v is None else moved(v, block) for k, v in places.items()}
        removed.append(one)
    bits = count(net).weight_bits
    if bits > most_bits:
        raise DataError(
            "no more blocks can be removed",
            found=f"{bits} weight bits are left, at most {most_bits:.0f} were asked for",
            remedy="ask for a larger last size; one lane of every region stays",
        )
    return Cut(net, weights, tuple(removed))
