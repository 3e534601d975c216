"""A comparison with thresholds whose backward pass is that of a softer one.

The bit jumps by 2, from -1 to +1; every surrogate's slope g has that area, so that they differ in
shape alone. With z = (x - t) / w, w the window:

- "rect": 1 / w for |z| <= 1.
- "triangle": 2 (1 - |z|) / w for |z| <= 1.
- "sigmoid": the slope of 2 sigmoid(s (x - t)) - 1 with s = 4 / w, as steep at t as the triangle.
- "reste": the slope of the power function sign(z) |z|^(1/o) with o = 3, that is
  |z|^(1/o - 1) / (o w), for m < |z| <= 1; within m = 0.1, where it has no bound, the slope of the
  chord, m^(1/o - 1) / w. After the rectified straight-through estimator (Wu et al., arXiv
  2308.06689), derived anew from that idea: the paper lets o grow during training, here it is fixed.
"""

from __future__ import annotations

from typing import Any

from train.backend import tf

SURROGATES = ("rect", "triangle", "sigmoid", "reste")
POWER = 3.0
CHORD = 0.1
BYTES = 256


def slope(distance: Any, width: float, surrogate: str, dy: Any) -> Any:
    """dy times w g at |x - t| = distance, linear in dy; the caller divides by w."""
    if surrogate == "rect":
        return tf.where(distance <= width, dy, tf.zeros_like(dy))
    if surrogate == "triangle":
        return 2.0 * tf.nn.relu(1.0 - distance / width) * dy
    if surrogate == "sigmoid":
        soft = tf.sigmoid(4.0 / width * distance)
        return 8.0 * soft * (1.0 - soft) * dy
    z = tf.maximum(distance / width, CHORD)
    outer = z ** (1.0 / POWER - 1.0) / POWER
    g = tf.where(distance <= CHORD * width, CHORD ** (1.0 / POWER - 1.0) * tf.ones_like(z), outer)
    return tf.where(distance <= width, g, tf.zeros_like(z)) * dy


def thermometer(x: Any, t: Any, width: float, surrogate: str) -> Any:
    """±1 [N, H, W, C, M] of bytes x [N, H, W, C] against t [C, M]; t gets the surrogate's gradient.

    Bits are looked up, and gradients are added up a byte before they meet the slope: there are 256
    bytes a channel and thousands of pixels, which makes this three times as fast as comparing.

    Args:
        x: float32 of whole numbers 0..255; a fraction is cut off.
        width: of the window, in steps of x.
    """
    channels, planes = (int(n) for n in t.shape)

    @tf.custom_gradient
    def look_up(x: Any, t: Any) -> Any:
        byte = tf.range(BYTES, dtype=tf.float32)[:, None]
        rows = tf.cast(x, tf.int32) + BYTES * tf.range(channels)

        def grad(dy: Any) -> Any:
            flat = tf.reshape(dy, [-1, planes])
            sums = tf.math.unsorted_segment_sum(flat, tf.reshape(rows, [-1]), channels * BYTES)
            sums = tf.reshape(sums, [channels, BYTES, planes])
            steep = slope(tf.abs(byte - t[:, None]), width, surrogate, sums)
            return None, -tf.reduce_sum(steep, axis=1) / width

        bits = tf.where(byte >= t[:, None], 1.0, -1.0)
        return tf.gather(tf.reshape(bits, [-1, planes]), rows), grad

    return look_up(x, t)
