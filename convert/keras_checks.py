"""What LCE gets wrong without saying so, looked for in the Keras model and in the flatbuffer."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convert.errors import ModelError
from convert.ir import Array, Graph
from convert.words import unpack

# Quantizers that LCE 0.16.0 leaves in floating point, or (ternary) miscompiles. Those of the user's
# own are judged by what the flatbuffer holds and computes.
UNUSABLE = ("tern", "heaviside", "dorefa", "do_re_fa", "none")
FLOAT_KERNELS = ("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
LEAST_SCALE = float(np.finfo(np.float32).eps)  # of a filter, above which LCE takes it for signs
UNBINARIZED = {
    "QuantDense": "use a QuantConv2D over the whole map with padding='valid' instead",
    "QuantDepthwiseConv2D": "use a QuantConv2D with groups of a multiple of 32 channels",
    "QuantSeparableConv2D": "use a grouped QuantConv2D and a 1x1 QuantConv2D",
    "QuantConv2DTranspose": "use nearest upsampling and a QuantConv2D",
    "QuantLocallyConnected2D": "use a QuantConv2D",
    "QuantConv1D": "use a QuantConv2D with a kernel of 1 x n",
    "QuantConv3D": "use a QuantConv2D",
}


def layers(model: Any) -> Iterator[Any]:
    """Every layer, those of nested models included."""
    for layer in getattr(model, "layers", []):
        if getattr(layer, "layers", None):
            yield from layers(layer)
        else:
            yield layer


def _quantizer(layer: Any, which: str) -> str:
    """A quantizer's name, lower case; "none" when there is none."""
    found = getattr(layer, which, None)
    if found is None:
        return "none"
    return str(getattr(found, "name", None) or type(found).__name__).lower()


def _is(layer: Any, name: str) -> bool:
    return any(base.__name__ == name for base in type(layer).__mro__)


def check_model(model: Any) -> list[str]:
    """Look at a Keras model before it is converted.

    Returns:
        Names of the binary convolutions, which must all become LceBconv2d.

    Raises:
        ModelError: what LCE would leave in floating point or miscompile, with the layer's name.
    """
    if not hasattr(model, "input_names") or not getattr(model, "inputs", None):
        raise ModelError(
            "only functional and sequential Keras models with known inputs convert",
            found=type(model).__name__,
            remedy="build the model with keras.Input, or call it once and rebuild it functionally",
        )
    for name, tensor in zip(model.input_names, model.inputs, strict=True):
        if any(side is None for side in tensor.shape[1:]):
            raise ModelError(
                "an input has no fixed size",
                where=f"input {name}",
                found=str(tuple(tensor.shape)),
                remedy="give height, width and channels in keras.Input",
            )
    every = list(layers(model))
    for layer in every:
        for weight in getattr(layer, "weights", ()):
            if weight.dtype.is_floating and not np.isfinite(weight.numpy()).all():
                raise ModelError(
                    "a weight is no finite number",
                    where=f"layer {layer.name}",
                    found=f"{weight.name}: {np.count_nonzero(~np.isfinite(weight.numpy()))} of "
                    f"{weight.numpy().size}",
                    remedy="the training diverged: take an earlier checkpoint or a lower rate",
                )
    binary: list[str] = []
    for layer in every:
        for kind, remedy in UNBINARIZED.items():
            if _is(layer, kind):
                raise ModelError(
                    "LCE leaves this kind of layer in floating point",
                    where=f"layer {layer.name}",
                    found=kind,
                    remedy=remedy,
                )
        if _is(layer, "QuantConv2D"):
            _check_conv(layer)
            binary.append(layer.name)
    if not binary:
        float_ones = [
            la.name for la in every if any(_is(la, k) for k in FLOAT_KERNELS) and la.weights
        ]
        raise ModelError(
            "this Keras model is not binarized",
            where=f"model {model.name}",
            found=f"no binary convolution; float layers: {', '.join(float_ones[:8]) or 'none'}"
            + (f" and {len(float_ones) - 8} more" if len(float_ones) > 8 else ""),
            remedy="use larq.layers.QuantConv2D with input_quantizer='ste_sign' and "
            "kernel_quantizer='ste_sign', or train a recipe: make train RECIPE=faces-wake; the "
            "8-bit form of a run with real weights is made by kit train --compare RUN",
        )
    return binary


def _check_conv(layer: Any) -> None:
    """One binary convolution.

    Raises:
        ModelError: a quantizer or a grouping that does not binarize.
    """
    for which in ("input_quantizer", "kernel_quantizer"):
        name = _quantizer(layer, which)
        if any(word in name for word in UNUSABLE):
            wrong = "LCE miscompiles" if "tern" in name else "LCE does not binarize"
            raise ModelError(
                f"{wrong} a layer with this {which}",
                where=f"layer {layer.name}",
                found=name,
                remedy=f"use {which}='ste_sign' or 'approx_sign'",
            )
    groups = int(getattr(layer, "groups", 1) or 1)
    channels = int(layer.input_shape[-1])
    if groups > 1 and (channels % groups or (channels // groups) % 32):
        raise ModelError(
            "a grouped binary convolution would silently stay in floating point",
            where=f"layer {layer.name}",
            found=f"{channels} input channels in {groups} groups: {channels / groups:g} a group",
            remedy="make the input channels of each group a multiple of 32, or use one group",
        )


def check_ports(graph: Graph, inputs: Sequence[str], outputs: Sequence[str], int8: bool) -> None:
    """Names and types of the flatbuffer's inputs and outputs are those asked for.

    Raises:
        ModelError: LCE lost a name or kept float where int8 was asked for.
    """
    kind = "int8" if int8 else "float32"
    sides = (("input", graph.inputs, inputs), ("output", graph.outputs, outputs))
    for what, ports, _ in sides:
        for port in ports:
            found = graph.tensors[port.tensor].dtype
            if found != kind:
                raise ModelError(
                    f"LCE did not make {kind} {what}s, and did not say so",
                    where=f"{what} {port.name}",
                    found=found,
                    remedy="put fake quantization on every input and output, or convert to float"
                    if int8
                    else "cast the model's inputs and outputs to float32",
                )
    for what, ports, wanted in sides:
        names = sorted(port.name for port in ports)
        if names != sorted(wanted):
            reserved = [name for name in wanted if keyword.iskeyword(name) or name == "self"]
            odd = [name for name in wanted if re.search(r"[^A-Za-z0-9_./-]", name)]
            raise ModelError(
                f"the flatbuffer's {what}s do not have the Keras model's names",
                found=f"{names} instead of {sorted(wanted)}",
                remedy=f"rename {', '.join(reserved)}: a word of Python's own is lost on the way"
                if reserved
                else f"rename {', '.join(map(repr, odd))}: only a to z, digits and _ are kept"
                if odd
                else f"give every {what} layer a name of its own; the model must be savable",
            )


def _fingerprint(bits: Array) -> bytes:
    """uint8 [co, ...]: the same for filters that differ by the sign of whole output channels, which
    LCE flips where batch norm's factor is negative."""
    flat = bits.reshape(bits.shape[0], -1)
    return str(bits.shape).encode() + (flat ^ flat[:, :1]).astype(np.uint8).tobytes()


def _kernel(layer: Any) -> Array:
    """The quantized kernel [h, w, in, out] of a binary convolution."""
    import tensorflow as tf

    latent = tf.constant(layer.get_weights()[0])  # the kernel is a layer's first weight
    return np.asarray(layer.kernel_quantizer(latent))


def layer_names(graph: Graph, model: Any) -> dict[int, str]:
    """Index of each LceBconv2d among the operators -> name of the Keras layer with its weights."""
    known: dict[bytes, list[str]] = {}
    for layer in layers(model):
        if _is(layer, "QuantConv2D"):
            bits = (np.moveaxis(_kernel(layer), -1, 0) < 0).astype(np.uint8)
            known.setdefault(_fingerprint(bits), []).append(layer.name)
    names: dict[int, str] = {}
    for index, op in enumerate(graph.ops):
        weights = graph.tensors[op.inputs[1] or ""].data if op.kind == "LceBconv2d" else None
        if weights is None:
            continue
        channels = int(op.attrs["channels_in"])
        groups = -(-channels // 32) // weights.shape[3]
        found = known.get(_fingerprint(unpack(weights.view(np.uint32), channels // groups)))
        if found:
            names[index] = found.pop(0)
    return names


def _vanished(layer: Any) -> list[int]:
    """Filters whose factor LCE takes for zero, and then the convolution for a real one."""
    kernel = np.abs(_kernel(layer))
    return np.flatnonzero(kernel.reshape(-1, kernel.shape[-1]).max(axis=0) <= LEAST_SCALE).tolist()


def check_binary(graph: Graph, model: Any, binary: Sequence[str]) -> dict[int, str]:
    """Every binary convolution became an LceBconv2d.

    Returns:
        see layer_names.

    Raises:
        ModelError: naming those that LCE silently left in floating point.
    """
    names = layer_names(graph, model)
    missing = [name for name in binary if name not in names.values()]
    count = sum(op.kind == "LceBconv2d" for op in graph.ops)
    if missing and count < len(binary):
        for layer in (each for each in layers(model) if each.name in missing):
            if gone := _vanished(layer):
                raise ModelError(
                    "LCE leaves a binary convolution in floating point where a filter's scale is 0",
                    where=f"layer {layer.name}",
                    found=f"all weights of filter {', '.join(map(str, gone[:8]))} within "
                    f"{LEAST_SCALE:.3g} of 0, behind the kernel quantizer",
                    remedy="take these filters out, give them larger weights (less weight decay), "
                    "or take a kernel quantizer without a scale, such as ste_sign",
                )
        raise ModelError(
            "LCE silently left binary convolutions in floating point",
            where=f"layer {', '.join(missing[:8])}",
            found=f"{count} binary convolutions in the flatbuffer, {len(binary)} in the model",
            remedy="groups of a multiple of 32 input channels; input_quantizer and "
            "kernel_quantizer set; no operation between the sign and the convolution",
        )
    return names
