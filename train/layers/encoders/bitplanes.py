"""Bit-plane depth-wise convolutions: the eight bits of a byte, each through its own binary filter.

After Vorabbi et al. (arXiv 2305.02885). Known from the abstract: eight native bit planes, each
through a binary depth-wise convolution, re-weighted by the plane's index, fused. Reconstructed: the
weights 2^j, one filter a plane and output, batch norm and sign behind the sum, +1 outside.
"""

from __future__ import annotations

from typing import Any

from convert.errors import ModelError
from train.backend import exporting, keras, larq, tf
from train.layers.encoders.table import natural
from train.layers.gradual import GradualKernel

PLANES = 8


def refuse_none(depth: int, kernel_size: int, stride: int) -> None:
    """Raises ModelError for numbers that no encoder of bit planes has."""
    if depth < 1 or not 1 <= kernel_size <= 8 or stride < 1:
        raise ModelError(
            "there is no such encoder of bit planes",
            found=f"{depth} outputs a channel, kernel {kernel_size}, stride {stride}",
            remedy="outputs and stride of at least 1, a kernel of 1 to 8",
        )


@keras.utils.register_keras_serializable("bitwake")
class BitPlaneDepthwise(keras.layers.Layer):
    """Bytes [N, H, W, C] as float32 0..255 -> real numbers [N, H', W', C·D], channel c·D + d.

        y_(c,d) = sum over j of 2^j / 128 · (sign(w_(c,d,j)) * b_(c,j))

    with b_(c,j) = ±1 the bit j of channel c and * a convolution of k x k. Batch norm and a sign
    follow. In export mode the eight convolutions stand one by one, and compile to sums of bytes.

    Args:
        depth: D, outputs a channel.
        kernel_size: k.
        stride: of the convolutions; SAME padding with +1.
    """

    def __init__(self, depth: int, kernel_size: int = 3, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        refuse_none(depth, kernel_size, stride)
        self.depth, self.kernel_size, self.stride = depth, kernel_size, stride
        self.kernel_quantizer = GradualKernel()
        self.kernel_constraint = larq.constraints.WeightClip(1.0)

    def build(self, input_shape: Any) -> None:
        self.channels = int(input_shape[-1])
        k = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(k, k, PLANES, self.channels * self.depth),
            initializer="glorot_normal",
            constraint=self.kernel_constraint,
        )
        super().build(input_shape)

    def _pads(self, size: int) -> tuple[int, int]:
        """Pixels before and after, as TensorFlow's SAME."""
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel_size - size, 0)
        return total // 2, total - total // 2

    def _convolve(self, bits: Any, kernel: Any) -> Any:
        pads = [[0, 0], self._pads(bits.shape[1]), self._pads(bits.shape[2]), [0, 0]]
        around = tf.pad(bits, pads, constant_values=1.0)
        return tf.nn.conv2d(around, kernel, self.stride, "VALID")

    def call(self, x: Any) -> Any:
        weight = [2.0**-j for j in range(PLANES)]  # the highest bit first
        kernel = self.kernel_quantizer(self.kernel)
        table = natural(PLANES)
        outputs = []
        for c in range(self.channels):
            mine = kernel[..., c * self.depth : (c + 1) * self.depth]
            at = tf.cast(x[..., c : c + 1], tf.int32)
            if exporting():
                total = None
                for j in range(PLANES):
                    bits = larq.quantizers.ste_sign(tf.gather(table[:, j], at))
                    part = self._convolve(bits, mine[:, :, j : j + 1]) * weight[j]
                    total = part if total is None else total + part
                outputs.append(total)
            else:
                bits = tf.gather(table, at[..., 0])
                scaled = mine * tf.reshape(tf.constant(weight), (1, 1, PLANES, 1))
                outputs.append(self._convolve(bits, scaled))
        return tf.concat(outputs, -1) if len(outputs) > 1 else outputs[0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
        }
