"""What LCE gets wrong in silence is refused with the layer's name; names and numbers survive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError
from convert.from_keras import convert_keras
from convert.oracle import Oracle
from convert.pixels import Scaling
from kit import cli
from tests.convert.test_operators import compiled, differences
from tests.host_c import HostModels

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def k() -> Any:
    """Keras 2, as train.backend chooses it."""
    from train.backend import keras

    return keras


def bconv(filters: int, size: int, **kwargs: Any) -> Any:
    from train.backend import larq

    options = {
        "padding": "same", "pad_values": 1.0, "use_bias": False, "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign", **kwargs,
    }  # fmt: skip
    return larq.layers.QuantConv2D(filters, size, **options)


def model(k: Any, *layers: Any, shape: tuple[int, int, int] = (8, 8, 1), name: str = "m") -> Any:
    """Thermometer-like front (so that the input is an encoder), then the layers."""
    from train.layers import GLT

    x = image = k.Input(shape, name="image")
    x = GLT(32, name="front")(x)
    for layer in layers:
        x = layer(x)
    return k.Model(image, x, name=name)


def refusal(m: Any, **kwargs: Any) -> ModelError:
    from train.backend import export_mode

    with export_mode(), pytest.raises(ModelError) as caught:
        convert_keras(m, scaling=Scaling(1.0, 0.0), **kwargs)
    text = str(caught.value)
    assert len(text.splitlines()) <= 8
    assert caught.value.remedy
    return caught.value


def test_float_model_is_refused_by_name(k: Any) -> None:
    x = image = k.Input((8, 8, 1), name="image")
    x = k.layers.Conv2D(4, 3, name="stem")(x)
    x = k.layers.Dense(2, name="top")(k.layers.Flatten()(x))
    error = refusal(k.Model(image, x, name="floaty"))
    assert "not binarized" in error.what
    assert "kit train --compare" in error.remedy
    assert "stem" in error.found
    assert "top" in error.found


def test_narrow_groups_are_refused(k: Any) -> None:
    error = refusal(model(k, bconv(32, 3, groups=2, name="narrow")))
    assert "narrow" in error.where
    assert "16 a group" in error.found
    assert "multiple of 32" in error.remedy


@pytest.mark.parametrize(
    ("which", "quantizer"),
    [("input_quantizer", "ste_tern"), ("kernel_quantizer", "ste_tern"),
     ("kernel_quantizer", "ste_heaviside"), ("kernel_quantizer", "dorefa_quantizer"),
     ("input_quantizer", None)],
)  # fmt: skip
def test_quantizers_that_do_not_binarize(k: Any, which: str, quantizer: str | None) -> None:
    error = refusal(model(k, bconv(8, 3, name="odd", **{which: quantizer})))
    assert error.where == "layer odd"
    assert which in error.what


def test_dense_layer_is_refused(k: Any) -> None:
    from train.backend import larq

    dense = larq.layers.QuantDense(
        2, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="flat_out"
    )
    error = refusal(model(k, k.layers.Flatten(), dense))
    assert error.where == "layer flat_out"
    assert "QuantConv2D" in error.remedy


def test_a_layer_left_in_floating_point_is_named(k: Any) -> None:
    """A quantizer of the user's own that is no sign: LCE says nothing and keeps float weights."""

    def soft(x: Any) -> Any:
        return x / (1.0 + abs(x))

    first = bconv(32, 3, name="fine")
    second = bconv(8, 3, name="soft_one", kernel_quantizer=soft)
    error = refusal(model(k, first, k.layers.BatchNormalization(), second))
    assert "floating point" in error.what
    assert error.where == "layer soft_one"


@pytest.mark.parametrize("scale", [0.0, 1e-7, 1.3e-7])
def test_a_filter_whose_scale_vanished_is_named(k: Any, scale: float) -> None:
    """With a factor of 1.2e-7 or less LCE leaves the whole convolution real."""
    m = model(
        k, bconv(8, 3), bconv(8, 3, kernel_quantizer="magnitude_aware_sign", name="faded"),
        k.layers.BatchNormalization(), k.layers.Flatten(),
    )  # fmt: skip
    layer = m.get_layer("faded")
    (kernel,) = layer.get_weights()
    kernel[..., 5] = scale * np.where(np.arange(72).reshape(3, 3, 8) % 3, 1, -1)
    layer.set_weights([kernel])
    if scale > np.finfo(np.float32).eps:  # the control
        from train.backend import export_mode

        with export_mode():
            assert convert_keras(m, scaling=Scaling(1.0, 0.0)).binary_layers == 2
        return
    error = refusal(m)
    assert error.where == "layer faded"
    assert "filter 5 within" in error.found
    assert "scale" in error.remedy


def test_int8_without_fake_quantization_is_noticed(k: Any) -> None:
    error = refusal(model(k, bconv(8, 3), k.layers.BatchNormalization()), int8=True)
    assert "did not make int8" in error.what
    assert error.found == "float32"


def test_a_float_island_is_refused(k: Any) -> None:
    """A convolution that was not binarized: no kernel, and the message says what to use."""
    tail = (bconv(8, 3), k.layers.BatchNormalization(), k.layers.Conv2D(4, 3))
    error = refusal(model(k, *tail))
    assert "would not compile" in error.what
    assert "CONV_2D" in error.found


@pytest.mark.host_c
def test_two_inputs_and_outputs_keep_their_names(k: Any, tmp_path: Path) -> None:
    """LCE orders them by its own rules."""
    from train.backend import export_mode
    from train.layers import GLT

    images = {n: k.Input((6, 7, c), name=n) for n, c in (("zeta", 1), ("alpha", 2))}
    outs = {}
    for name, planes, filters, out in (("zeta", 16, 3, "b_out"), ("alpha", 8, 5, "a_out")):
        y = bconv(filters, 3)(GLT(planes)(images[name]))
        outs[out] = k.layers.BatchNormalization(name=out)(y)
    two = k.Model([images["zeta"], images["alpha"]], [outs["b_out"], outs["a_out"]])
    with export_mode():
        done = convert_keras(two, scaling=Scaling(1.0, 0.0))
    assert done.agreement.agreeing == done.agreement.pictures
    rng = np.random.default_rng(0)
    inputs = {
        n: rng.integers(0, 256, (1, 6, 7, c), dtype=np.uint8)
        for n, c in (("zeta", 1), ("alpha", 2))
    }
    wanted = Oracle(done.content).predict(inputs)
    assert {n: a.shape for n, a in wanted.items()} == {"a_out": (1, 6, 7, 5), "b_out": (1, 6, 7, 3)}
    host = HostModels(tmp_path, {"two": compiled(done.content)})
    (answer,) = host.run([("two", inputs, False)])
    assert differences(dict(answer.outputs), wanted) == 0


def test_a_saved_model_through_the_command(k: Any, tmp_path: Path) -> None:
    from train.backend import export_mode

    head = (
        bconv(2, 8, padding="valid", name="head"),
        k.layers.BatchNormalization(),
        k.layers.Flatten(),
    )
    head[0].pad_values = 0.0
    m = model(k, bconv(32, 3), k.layers.BatchNormalization(), *head)
    path, out = tmp_path / "mine.h5", tmp_path / "mine.tflite"
    with pytest.warns(UserWarning, match="HDF5"):
        m.save(path)
    report = tmp_path / "r.json"
    line = ["convert", "--keras", str(path), "--out", str(out), "--json", str(report)]
    assert cli.main([*line]) == 2  # what a byte stands for is not known
    assert not out.exists()
    assert cli.main([*line, "--input-scale", "1", "--labels", "no,yes"]) == 0
    told = json.loads(report.read_text())
    assert told["keras_against_lce"]["agreeing"] == told["keras_against_lce"]["pictures"]
    oracle = Oracle(out)
    assert oracle.graph.metadata["labels"] == ["no", "yes"]
    picture = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    got = oracle.predict({"image": picture})
    with export_mode():
        assert np.allclose(next(iter(got.values())), m(picture.astype(np.float32)), atol=1e-4)
    stamped = tmp_path / "stamped.tflite"
    line = ["convert", "--tflite", str(out), "--out", str(stamped), "--labels", "a,b"]
    assert cli.main(line) == 0
    assert Oracle(stamped).graph.metadata["labels"] == ["a", "b"]
    assert Oracle(stamped).scaling == Scaling(1.0, 0.0)


def test_a_saved_network_with_quantizers_of_the_kit_is_loaded(k: Any, tmp_path: Path) -> None:
    """Larq saves `DitheredKernel`, not `bitwake>DitheredKernel`."""
    from train.models.binary import BinaryNet, Conv, build

    net = BinaryNet((8, 8, 1), 8, (Conv(32, 3), Conv(64, 1)), dithered=True)
    path, out = tmp_path / "net.h5", tmp_path / "net.tflite"
    with pytest.warns(UserWarning, match="HDF5"):
        build(net).save(path)
    line = ["convert", "--keras", str(path), "--input-scale", "1", "--out", str(out)]
    assert cli.main(line) == 0
    kinds = [op.kind for op in Oracle(out).graph.ops]
    assert kinds.count("LceBconv2d") == 3
    assert "CONV_2D" not in kinds


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--labels", "a"], "1 labels (a), 2 channels"),
        (["--labels", "a,b,c"], "3 labels"),
        (["--labels", "a,"], "labels do not fit"),
        (["--input-scale", "nan"], "number other than 0"),
        (["--input-offset", "3"], "goes with it"),
        (["--labels", "a,b", "--int8"], "nothing else"),
        ([], "neither of them"),
    ],
)
def test_metadata_that_would_lie_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], repo: Path, words: list[str], said: str
) -> None:
    out = tmp_path / "out.tflite"
    shipped = repo / "models" / "faces-wake" / "model.tflite"
    assert cli.main(["convert", "--tflite", str(shipped), "--out", str(out), *words]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("name", ["my image", "größe", "x:0", "self"])
def test_a_name_that_is_lost_on_the_way_is_to_be_changed(k: Any, name: str) -> None:
    """It was told to give the input a name of its own, which it has."""
    image = k.Input((4, 4, 1), name=name)
    error = refusal(k.Model(image, bconv(8, 3)(image)))
    assert "names" in error.what
    assert "rename" in error.remedy
    assert name in error.remedy


def test_weights_that_are_no_numbers_name_their_layer(k: Any) -> None:
    broken = model(k, bconv(32, 3), k.layers.BatchNormalization(name="norm"))
    broken.get_layer("norm").gamma.assign(np.full(32, np.nan))
    error = refusal(broken)
    assert "no finite number" in error.what
    assert "norm" in error.where


def test_damaged_keras_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 100)
    line = ["convert", "--keras", str(path), "--input-scale", "1", "--out", str(tmp_path / "o")]
    assert cli.main(line) == 2
    said = capsys.readouterr().err
    assert "cannot be loaded" in said
    assert "Traceback" not in said
    assert not (tmp_path / "o").exists()


@pytest.fixture(scope="module")
def run_folder(k: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training leaves, of a random network; its data is nowhere, and its names are kept."""
    from tests.networks import random_net, trained_weights
    from train.recipes.recipe import Recipe
    from train.runfolder import save_arrays, write_json

    folder = tmp_path_factory.mktemp("run")
    net = random_net(11)
    recipe = Recipe("tiny", "nowhere", net, epochs=1)
    write_json(folder / "recipe.json", {**recipe.as_dict(), "seed": 11})
    names = [f"n{k}" for k in range(net.classes)]
    told = {"finished": True, "recipe": "tiny", "seed": 11, "labels": names}
    write_json(folder / "metrics.json", told)
    arrays = {f"w{i:04d}": w for i, w in enumerate(trained_weights(net, 11))}
    save_arrays(folder / "weights.npz", arrays)
    return folder


def test_a_run_converts(run_folder: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "m.tflite", tmp_path / "r.json"
    line = ["convert", "--run", str(run_folder), "--out", str(out), "--json", str(report)]
    assert cli.main(line) == 0
    told = json.loads(report.read_text())
    assert told["binary_layers"] == 6
    assert told["keras_against_lce"]["agreeing"] >= 0.98 * told["keras_against_lce"]["pictures"]
    assert told["metadata"]["seed"] == 11
    assert told["metadata"]["labels"][0] == "n0"
    assert Oracle(out).scaling == Scaling(1.0, 0.0)


def test_pictures_of_other_data_are_not_a_runs_own(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from kit.verbs import convert
    from tests.train import small

    data = small.dataset()
    monkeypatch.setattr("train.datarecord.load", lambda *_, **__: data)
    record = {"data": "bright"}
    test = convert._test_pictures(record, {"dataset_hash": data.hash}, run_folder)
    assert len(test) == len(data.test)
    assert convert._test_pictures(record, {"dataset_hash": "another"}, run_folder) is None
    assert "the data has changed since the run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.json", b'{"finished": false, "epochs": 3}', "not finished"),
        ("metrics.json", b'{"finished": tr', "no folder of a training run"),
        ("recipe.json", b'{"name": "x", "net": {"layers": ["Conv(os.remove)"]}}', "built again"),
        ("recipe.json", b'{"name": "x", "net": "mobilenet"}', "no such recipe"),
        ("weights.npz", b"PK\x03\x04 cut", "damaged"),
        ("weights.npz", None, "no such file"),
    ],
)
def test_broken_runs_are_refused(
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    words: str,
) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run_folder, broken)
    (broken / name).unlink()
    if content is not None:
        (broken / name).write_bytes(content)
    assert cli.main(["convert", "--run", str(broken)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) <= 8
    assert not (broken / "model.tflite").exists()
