"""Binary networks with a real-valued or an int8 path between binary layers.

The judge runs them piece by piece: Lce operators in LCE's interpreter, built-in ones in TFLite's
reference kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled
from convert.oracle import Oracle
from convert.segments import Segments, needs_reference
from convert.tflite_reader import read
from tests.host_c import HostModels
from tests.int8 import batch
from tests.int8.build import T, const, one_op

pytestmark = [pytest.mark.host_c, pytest.mark.keras]


def _range(x: Any, low: float = -3.0, high: float = 3.0) -> Any:
    from train.backend import tf

    return tf.quantization.fake_quant_with_min_max_vars(x, low, high)


def bi_real(everywhere: bool) -> Any:
    """Shortcuts around every binary convolution, PReLU and pooled, doubled shortcuts where the map
    shrinks. The stem is int8; what follows is too when `everywhere`, and float32 otherwise."""
    from train.backend import keras, larq

    layers, init = keras.layers, keras.initializers.RandomUniform
    fake = _range if everywhere else (lambda x: x)
    x = image = keras.Input((12, 10, 3), 1, name="image")
    x = layers.Conv2D(32, 3, padding="same", use_bias=False)(_range(x, 0.0, 1.0))
    x = _range(layers.BatchNormalization()(x))
    for stride in (1, 2):
        options = {"strides": stride, "padding": "same", "pad_values": 1.0, "use_bias": False}
        options |= {f"{part}_quantizer": "ste_sign" for part in ("input", "kernel")}
        options["kernel_constraint"] = "weight_clip"
        y = larq.layers.QuantConv2D(x.shape[-1] * stride, 3, **options)(x)
        y = fake(layers.BatchNormalization(gamma_initializer=init(0.01, 0.1, seed=1))(y))
        if not everywhere:
            y = layers.PReLU(shared_axes=[1, 2], alpha_initializer=init(0.1, 0.5, seed=2))(y)
        if stride == 2:
            x = layers.AveragePooling2D(2, padding="same")(x)
            x = layers.Concatenate()([x, x])
        x = fake(layers.Add()([x, y]))
    x = fake(layers.GlobalAveragePooling2D()(x))
    x = fake(layers.Dense(6)(x))
    return keras.Model(image, x if everywhere else layers.Softmax(name="classes")(x))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: Any) -> dict[str, tuple[bytes, Compiled, HostModels]]:
    import larq_compute_engine as lce

    from train.backend import export_mode, seed_everything, tf

    contents = {}
    for name, everywhere in (("float", False), ("int8", True)):
        seed_everything(3)
        kinds = {"inference_input_type": tf.int8, "inference_output_type": tf.int8}
        with export_mode():
            contents[name] = lce.convert_keras_model(
                bi_real(everywhere), **(kinds if everywhere else {})
            )
    compiled = {name: batch.compiled_model(content, name) for name, content in contents.items()}
    host = HostModels(tmp_path_factory.mktemp("mixed"), compiled)
    return {name: (contents[name], compiled[name], host) for name in contents}


@pytest.mark.parametrize("name", ["float", "int8"])
def test_equals_the_interpreters(name: str, networks: Any) -> None:
    content, compiled, host = networks[name]
    rng = np.random.default_rng(4)
    port = compiled.graph.inputs[0]
    shape = compiled.graph.tensors[port.tensor].shape
    inputs = [
        rng.uniform(0, 1, shape).astype(np.float32)
        if name == "float"
        else rng.integers(-128, 128, shape).astype(np.int8)
        for _ in range(8)
    ]
    oracle = Oracle(content)
    answers = host.run([(name, {port.name: x}, False) for x in inputs])
    seen = set()
    for x, answer in zip(inputs, answers, strict=True):
        for key, expected in oracle.predict({port.name: x}).items():
            assert answer.outputs[key].tobytes() == expected.tobytes()
            seen |= set(expected.reshape(-1).tolist())
    assert len(seen) > 10


def test_the_report_lists_what_is_float(networks: Any) -> None:
    kinds = {name: row[1].emitted.layers for name, row in networks.items()}
    floats = {row["op"] for row in kinds["float"] if row["float"]}
    assert {"add_f32", "prelu_f32", "average_pool_f32", "dense_f32", "softmax_f32"} <= floats
    assert not any(row["float"] for row in kinds["int8"])
    found = {row["op"] for row in kinds["int8"]}
    assert {"bconv2d_add_i8", "conv2d_i8"} <= found
    assert "add_i8" not in found


def test_a_network_of_bits_needs_no_tensorflow(repo: Any) -> None:
    """Movement and input encoders are alike in both interpreters; an addition is not."""
    shipped = sorted((repo / "models").glob("*/model.tflite"))
    assert shipped
    assert not any(needs_reference(read(path)) for path in shipped)
    a = T((1, 4), "int8", 0.1)
    for kind, expected in (("ADD", True), ("RESHAPE", False)):
        inputs = [a, a] if kind == "ADD" else [a, const([1, 4])]
        options = ("AddOptions", {}) if kind == "ADD" else None
        assert needs_reference(read(one_op(kind, kind, inputs, [a], options).content)) is expected


def test_pieces_are_the_whole(networks: Any) -> None:
    """The model cut into pieces takes and gives what the file says."""
    content, compiled, _ = networks["int8"]
    x = np.zeros(compiled.graph.tensors[compiled.graph.inputs[0].tensor].shape, np.int8)
    found = Segments(content).predict([x])
    assert [out.shape for out in found] == [(1, 6)]
