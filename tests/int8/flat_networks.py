"""Networks written straight as flatbuffers: random weights, scales that keep the maps lively."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convert.geometry import out_size
from tests.int8.build import SAME, Graph, T, const

SPREAD = 50.0  # standard deviation of a map, in steps of its scale


class Net:
    """A sequence of int8 layers; every method takes and returns a tensor's index."""

    def __init__(self, seed: int, per_tensor: bool = False) -> None:
        self.g, self.rng, self.per_tensor = Graph(), np.random.default_rng(seed), per_tensor
        self.known: list[T] = []
        self.ports: tuple[list[int], list[int]] = ([], [])

    def add(self, t: T) -> int:
        self.known.append(t)
        return self.g.tensor(t)

    def input(self, shape: tuple[int, ...]) -> int:
        at = self.add(T(shape, "int8", 0.02, int(self.rng.integers(-20, 20))))
        self.ports[0].append(at)
        return at

    def _layer(
        self, kind: str, at: int, w: Any, axis: int, shape: tuple[int, ...], options: Any, act: int
    ) -> int:
        a, n = self.known[at], w.shape[axis]
        count = 1 if self.per_tensor else n
        scale = self.rng.uniform(0.002, 0.006, count).astype(np.float32)
        taps = w.size // n
        out_scale = float(a.scale) * float(scale.mean()) * 73 * math.sqrt(taps)
        bias = self.rng.normal(0, SPREAD * 20 * math.sqrt(taps), n)
        inputs = [at, self.add(const(w, "int8", scale, axis))]
        inputs.append(self.add(const(bias, "int32", np.float32(a.scale) * scale)))
        zero = int(self.rng.integers(-128, 40))
        zero = -128 if act and self.rng.random() < 0.8 else zero  # as the converter has it
        out = self.add(T(shape, "int8", out_scale, zero))
        self.g.op(kind, inputs, [out], options)
        return out

    def conv(
        self, at: int, n: int, k: Any, stride: int = 1, act: int = 1, depthwise: bool = False
    ) -> int:
        kh, kw = (k, k) if isinstance(k, int) else k
        _, h, w, c = self.known[at].shape
        shape = (1, out_size(h, kh, stride, 1, SAME), out_size(w, kw, stride, 1, SAME), n)
        values = {"padding": SAME, "strideH": stride, "strideW": stride, "dilationHFactor": 1,
                  "dilationWFactor": 1, "fusedActivationFunction": act}  # fmt: skip
        if depthwise:
            weights = self.rng.integers(-127, 128, (1, kh, kw, n))
            options = self.g.options("DepthwiseConv2DOptions", depthMultiplier=n // c, **values)
            return self._layer("DEPTHWISE_CONV_2D", at, weights, 3, shape, options, act)
        weights = self.rng.integers(-127, 128, (n, kh, kw, c))
        options = self.g.options("Conv2DOptions", **values)
        return self._layer("CONV_2D", at, weights, 0, shape, options, act)

    def dense(self, at: int, n: int, act: int = 0) -> int:
        depth = self.known[at].shape[-1]
        weights = self.rng.integers(-127, 128, (n, depth))
        options = self.g.options("FullyConnectedOptions", fusedActivationFunction=act)
        return self._layer("FULLY_CONNECTED", at, weights, 0, (1, n), options, act)

    def plus(self, a: int, b: int) -> int:
        shape, scale = self.known[a].shape, self.known[a].scale * 1.3
        out = self.add(T(shape, "int8", scale, int(self.rng.integers(-128, 20))))
        options = self.g.options("AddOptions", fusedActivationFunction=1)
        self.g.op("ADD", [a, b], [out], options)
        return out

    def mean(self, at: int) -> int:
        a = self.known[at]
        out = self.add(T((1, a.shape[3]), "int8", a.scale * 0.3, a.zero))
        axes = self.add(const([1, 2]))
        self.g.op("MEAN", [at, axes], [out], self.g.options("ReducerOptions", keepDims=False))
        return out

    def softmax(self, at: int) -> int:
        out = self.add(T(self.known[at].shape, "int8", 1 / 256, -128))
        self.g.op("SOFTMAX", [at], [out], self.g.options("SoftmaxOptions", beta=0.05))
        return out

    def content(self, out: int) -> bytes:
        return self.g.content(self.ports[0], [out])


def resnet_8(net: Net) -> bytes:
    """The image classifier of MLPerf Tiny, on 32x32x3."""
    x = net.conv(net.input((1, 32, 32, 3)), 16, 3)
    for n, s in ((16, 1), (32, 2), (64, 2)):
        y = net.conv(net.conv(x, n, 3, s), n, 3, act=0)
        x = net.plus(net.conv(x, n, 1, s, act=0) if s > 1 else x, y)
    return net.content(net.softmax(net.dense(net.mean(x), 10)))


def mobilenet(net: Net) -> bytes:
    """MobileNetV1 x 0.25 with all its layers, on 96x96x3."""
    x = net.conv(net.input((1, 96, 96, 3)), 8, 3, 2)
    plan = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *([(128, 1)] * 5), (256, 2)]
    for n, s in [*plan, (256, 1)]:
        x = net.conv(x, net.known[x].shape[3], 3, s, act=3, depthwise=True)
        x = net.conv(x, n, 1)
    return net.content(net.dense(net.mean(x), 16))


def autoencoder(net: Net) -> bytes:
    """The anomaly detector of MLPerf Tiny: dense layers only."""
    x = net.input((1, 640))
    for n in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.dense(x, n, act=1)
    return net.content(net.dense(x, 640))


def deep_thin(net: Net) -> bytes:
    """Channels that are no multiple of four, oblong kernels, depth multipliers."""
    x = net.conv(net.input((1, 23, 17, 5)), 7, (5, 2))
    x = net.conv(x, 21, (2, 4), 2, act=2, depthwise=True)
    x = net.conv(net.conv(x, 3, 1), 13, (1, 5), act=3)
    return net.content(net.conv(x, 26, 3, depthwise=True, act=0))


NETWORKS = {f.__name__: f for f in (resnet_8, mobilenet, autoencoder, deep_thin)}
