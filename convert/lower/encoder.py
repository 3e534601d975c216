"""The input encoder: whatever maps 8-bit samples to bits, each by itself, becomes tables.

A thermometer, bit planes, a dither or a plain sign are operators between the model's input and an
LceQuantize, in which every output bit depends on one input sample. They are evaluated here on all
256 bytes with the arithmetic of the interpreter (`convert.lower.bytewise`). Where all pixels are
treated alike, one table a channel does; where the treatment repeats in tiles of pixels, one a place
in the tile. Where contracting a multiplication with an addition would change a sign, the result
would depend on the interpreter's kernel, and the model is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from convert.ir import Array, Graph, Op, Tensor
from convert.lower.bytewise import KINDS, Evaluator, ForeignError, tile_of
from convert.lower.rewrite import Context, Rewrite
from convert.pixels import BYTES, REMEDY, Scaling
from convert.supported import Refusal

BYTES_SUFFIX = ".bytes"
TILES = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)
MOST = 1 << 22  # numbers of a map over one tile and all bytes


def bytes_of(source: Tensor) -> str:
    """The name of an input that has become raw bytes."""
    return source.name + BYTES_SUFFIX


@dataclass(frozen=True)
class AmbiguousSignError(Exception):
    """The sign of some byte depends on how the interpreter rounds."""

    op: Op
    channel: int
    byte: int


@dataclass(frozen=True)
class Bits:
    """What an encoder does to every byte.

    Attributes:
        tile: side of the tile of input pixels that repeats.
        bits: [256, h, w, C_out], 1 = negative; h x w output pixels come from a tile.
        source: int [h, w, C_out]: sample of the tile, (row * tile + column) * C_in + channel.
    """

    tile: int
    bits: Array
    source: Array


def find_chain(graph: Graph, sign: Op) -> list[Op] | None:
    """Operations from the model's input to this LceQuantize, or None when it is no encoder.

    An int8 input that something else reads too stays int8; a float input cannot be anything but
    bytes, so that whatever else reads it is refused by `read_as_floats`.
    """
    inputs = {port.tensor.removesuffix(BYTES_SUFFIX) for port in graph.inputs}
    chain: set[int] = set()
    sources: set[str] = set()
    stack = [sign.inputs[0]]
    while stack:
        name = stack.pop()
        if name is None or graph.tensor(name).data is not None:
            return None
        if name in inputs:
            sources.add(name)
            continue
        op = graph.producer(name)
        if op is None or op.kind not in KINDS:
            return None
        if id(op) not in chain:
            chain.add(id(op))
            stack += [n for n in op.inputs if n is not None and graph.tensor(n).data is None]
    if len(sources) != 1:
        return None
    source = next(iter(sources))
    if graph.tensor(source).dtype == "int8" and (
        graph.is_output(source)
        or any(reader.kind != "LceQuantize" for reader in graph.consumers(source))
    ):
        return None
    return [op for op in graph.ops if id(op) in chain]


def read_as_floats(graph: Graph) -> list[Refusal]:
    """What else reads a float input that has become the bytes of an encoder: an operator that is no
    part of one, or an output of the model."""
    fed = {str(op.attrs["encodes"]): op.name for op in graph.ops if "encodes" in op.attrs}
    readers = [(op.name, n) for op in graph.ops for n in op.inputs if n in fed]
    readers += [(f"output {port.name}", port.tensor) for port in graph.outputs]
    return [
        Refusal(
            reader,
            "a float input whose signs a layer reads is fed from bytes: nothing reads it as floats",
            f"{graph.tensor(name).text()}, whose signs {fed[name]} reads",
            "let a binary convolution read it there too, give it an input of its own, or make the "
            "model's inputs int8",
        )
        for reader, name in readers
        if name in fed
    ]


def source_of(graph: Graph, sign: Op, chain: list[Op]) -> Tensor:
    """The model's input that an encoder reads."""
    made = {name for op in chain for name in op.outputs}
    read = [n for op in (*chain, sign) for n in op.inputs if n is not None and n not in made]
    return graph.tensor(next(n for n in read if graph.tensor(n).data is None))


def evaluate(
    graph: Graph, sign: Op, chain: list[Op], source: Tensor, scaling: Scaling | None
) -> Bits | None:
    """What the chain does to every byte; None when some step is no part of an encoder.

    Raises:
        AmbiguousSignError: see the module's docstring.
    """
    if len(source.shape) != 4:
        return None
    if source.dtype == "float32":
        if scaling is None:
            return None
        reals = scaling.floats()
    else:  # int8: the byte is XORed with 0x80 on its way, so that 0..255 maps to -128..127
        if source.quant is None or chain:
            return None
        reals = (BYTES - 128 - source.quant.zero_point[0]).astype(np.float32)
    _, height, width, channels = source.shape
    for tile in TILES:
        if height % tile or width % tile:
            continue
        tiles = (height // tile) * (width // tile)
        if any(256 * graph.tensor(op.outputs[0]).elements > MOST * tiles for op in chain):
            break
        walk = Evaluator(graph, tile, {source.name: tile_of(reals, tile, channels)})
        try:
            with np.errstate(all="ignore"):  # constants of any size: infinities have signs too
                return _walked(walk, sign, chain)
        except (ForeignError, ValueError, IndexError):  # a larger tile may do, or it is damaged
            continue
    return None


def _walked(walk: Evaluator, sign: Op, chain: list[Op]) -> Bits:
    """The signs at the end of the chain.

    Raises:
        AmbiguousSignError, ForeignError: see `evaluate`.
    """
    first: Op | None = None
    for op in chain:
        made = walk.run(op)
        if first is None and ((made.plain < 0) != (made.contracted < 0)).any():
            first = op
    last = walk.known[sign.inputs[0] or ""]
    if last.plain.ndim != 4:
        raise ForeignError
    differ = np.argwhere((last.plain < 0) != (last.contracted < 0))
    if len(differ):
        assert first is not None
        raise AmbiguousSignError(first, int(differ[0][3]), int(differ[0][0]))
    return Bits(walk.tile, (last.plain < 0).astype(np.uint32), last.source)


def encode_input(graph: Graph, op: Op, context: Context) -> Rewrite | Refusal | None:
    """What lies between the input and a sign becomes a table over all byte values."""
    if op.kind != "LceQuantize":
        return None
    chain = find_chain(graph, op)
    if chain is None:
        return None
    source = source_of(graph, op, chain)
    port = next(p for p in graph.inputs if p.tensor in (source.name, bytes_of(source)))
    covered = tuple(o.name for o in chain)
    if source.dtype == "float32" and not chain and len(source.shape) != 4:
        rule = "an input whose signs are taken is a picture [1, height, width, channels]"
        remedy = f"give the input four dimensions, such as [1, 1, 1, {source.channels}]"
        return Refusal(port.name, rule, source.text(), remedy, (op.name,))
    if source.dtype == "float32" and context.scaling is None:
        rule = "a float input is fed from bytes, and the metadata tells what a byte stands for"
        return Refusal(port.name, rule, "no input_scale", REMEDY, (op.name, *covered))
    try:
        found = evaluate(graph, op, chain, source, context.scaling)
    except AmbiguousSignError as error:
        return replace(ambiguous_refusal(error), covers=(op.name, *covered))
    if found is None:
        return None
    image = replace(source, name=bytes_of(source), dtype="uint8", quant=None)
    name = chain[-1].name if chain else op.name
    kind, attrs = lowered(found, source, graph.tensor(op.outputs[0]))
    attrs |= {"encodes": source.name}
    if kind == "encode_u8":
        attrs["signed"] = source.dtype == "int8"
    return Rewrite((Op(kind, name, (image.name,), op.outputs, attrs),), (image,))


def lowered(found: Bits, source: Tensor, out: Tensor) -> tuple[str, dict[str, object]]:
    """The kernel that does it and its attributes."""
    channels = source.shape[-1]
    if found.tile == 1:
        table, first, span = make_table(found.bits[:, 0, 0], found.source[0, 0], channels)
        return "encode_u8", {"table": table, "first_word": first, "span": span}
    return "encode_tiles_u8", {
        "out_h": out.shape[1], "out_w": out.shape[2],
        "down": found.tile * source.shape[2] * channels, "right": found.tile * channels,
        **tile_tables(found, source),
    }  # fmt: skip


def tile_tables(found: Bits, source: Tensor) -> dict[str, object]:
    """The fields of bw_encode_tiles that tell what each place of a tile is made of."""
    h, w, out_c = found.source.shape
    places = [(y, x) for y in range(h) for x in range(w)]
    samples = [np.unique(found.source[place]) for place in places]
    most, made = max(len(s) for s in samples), []
    for place, mine in zip(places, samples, strict=True):
        local = np.searchsorted(mine, found.source[place])
        made.append(make_table(found.bits[:, place[0], place[1]], local, len(mine)))
    words = -(-out_c // 32)
    span = max(words_of for _, _, words_of in made)
    # a place of fewer samples names its first one again, with a table of zeros
    table = np.zeros((len(places), most, 256, span), np.uint32)
    first = np.zeros((len(places), most), np.uint16)
    offset = np.zeros((len(places), most), np.uint32)
    channels = source.shape[-1]
    for k, (mine, (part, begin, length)) in enumerate(zip(samples, made, strict=True)):
        row, rest = np.divmod(mine, found.tile * channels)
        offset[k, :] = row[0] * source.shape[2] * channels + rest[0]
        offset[k, : len(mine)] = row * source.shape[2] * channels + rest
        for n in range(len(mine)):
            first[k, n] = min(int(begin[n]), words - span)
            at = int(begin[n]) - int(first[k, n])
            table[k, n, :, at : at + length] = part[n]
    return {
        "tile_h": h, "tile_w": w, "samples": most, "out_words": words, "span": span,
        "offset": offset.reshape(-1), "first_word": first.reshape(-1),
        "table": table.reshape(-1, 256, span),
    }  # fmt: skip


def make_table(bits: Array, source: Array, in_c: int) -> tuple[Array, Array, int]:
    """Words for bw_encode: table uint32 [in_c, 256, span], first_word uint16 [in_c], span."""
    out_c = bits.shape[1]
    words_of = [np.unique(np.flatnonzero(source == c) // 32) for c in range(in_c)]
    span = max((int(w[-1] - w[0]) + 1 for w in words_of if len(w)), default=1)
    last = -(-out_c // 32) - span
    first = np.array([min(int(w[0]), last) if len(w) else 0 for w in words_of], np.uint16)
    table = np.zeros((in_c, 256, span), np.uint32)
    for j in range(out_c):
        c = int(source[j])
        table[c, :, j // 32 - int(first[c])] |= bits[:, j] << np.uint32(j % 32)
    return table, first, span


def ambiguous_refusal(error: AmbiguousSignError) -> Refusal:
    return Refusal(
        error.op.name,
        "input encoder: no threshold may lie within a rounding error of a pixel value",
        f"byte {error.byte}, output channel {error.channel}",
        "move the threshold, or feed raw pixel values (weights of exactly 1, no rescaling)",
    )
