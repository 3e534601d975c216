"""Every task's networks: converted without a float convolution, compiled, equal on this machine.

Shrunk recipes: the heads are those of the recipes, the backbones have as many stages. One road is
walked by the commands that a person types, up to an emulated board.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled
from convert.errors import ModelError
from convert.oracle import Oracle
from kit import cli
from tests.convert.test_operators import compiled, differences
from tests.host_c import HostModels
from tests.networks import pictures

pytestmark = [pytest.mark.keras, pytest.mark.host_c]

TASKS = ("classify", "detect", "match", "segment", "upscale")
# what a task's network needs beside convolutions and signs
NEEDS = {"detect": "DEPTH_TO_SPACE", "segment": "DEPTH_TO_SPACE", "upscale": "FULLY_CONNECTED",
         "match": "CONCATENATION", "classify": "LceQuantize"}  # fmt: skip
SHOTS = 4


def shrunk(net: Any) -> Any:
    """The same network on smaller pictures with fewer channels."""
    backbone = getattr(net, "backbone", net)
    side = 16 if backbone.stem_stride == 1 else 32
    widths = tuple(8 * (k + 1) for k in range(len(backbone.widths)))
    small = replace(backbone, input_shape=(side, side, 1), widths=widths)
    return small if net is backbone else replace(net, backbone=small)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], HostModels]:
    """Flatbuffers by name, with the pictures they are run on, and all of them compiled."""
    from tests.blocks import converted
    from train import recipes
    from train.compare import quantize

    made: dict[str, Any] = {}
    for task in TASKS:
        whole = converted(shrunk(recipes.get(f"tasks-{task}").net), count=SHOTS)
        made[task] = (whole.converted.content, whole.pictures)
        ends = shrunk(recipes.get(f"tasks-{task}-ends8").net)
        whole = converted(ends, count=SHOTS, int8=True)
        made[f"{task}_ends8"] = (whole.converted.content, whole.pictures)
        twin = shrunk(recipes.get(f"tasks-{task}-int8").net)
        shots = pictures(1, SHOTS, twin.input_shape)
        made[f"{task}_int8"] = (quantize(twin.build(), shots), shots)
    built: dict[str, Compiled] = {
        name: compiled(content, name) for name, (content, _) in made.items()
    }
    return made, HostModels(tmp_path_factory.mktemp("tasks"), built)


def test_no_convolution_is_float(models: tuple[dict[str, Any], HostModels]) -> None:
    for name, (content, _) in models[0].items():
        graph = Oracle(content).graph
        kinds = [op.kind for op in graph.ops]
        for op in graph.ops:
            if op.kind == "CONV_2D":
                assert graph.tensor(op.inputs[0]).dtype == "int8", (name, op.name)
        if name.endswith("_int8"):
            assert "CONV_2D" in kinds, name
            assert not any(kind.startswith("Lce") for kind in kinds), name
        elif name.endswith("_ends8"):
            assert kinds.count("CONV_2D") >= 2, name  # the first and the last layer
            assert kinds.count("LceBconv2d") >= 6, name
        else:
            assert "CONV_2D" not in kinds, name
            assert kinds.count("LceBconv2d") >= 8, name
            assert NEEDS[name] in kinds, name


@pytest.mark.parametrize("encoder", ["bayer", "bitplanes"])
def test_answers_have_the_picture_s_size_behind_encoders_with_a_stride(encoder: str) -> None:
    """A mosaic's map has half the sides, and so do bit planes with a stride of 2."""
    from train.layers.encoders import Bayer, BitPlanes
    from train.models.backbone import Backbone
    from train.tasks.nets import DetectNet, MatchNet, SegmentNet, UpscaleNet

    made = Bayer() if encoder == "bayer" else BitPlanes(stride=2)
    net = Backbone(
        input_shape=(16, 16, 1), widths=(8,), blocks=(1,), strides=(1,), planes=2, encoder=made
    )
    assert SegmentNet(net).build().output_shape == (None, 16, 16, 1)
    assert DetectNet(net).build().output_shape == (None, 4, 4, 5)
    two = replace(net, widths=(8, 8), blocks=(1, 1), strides=(1, 2), stem_stride=1)
    assert MatchNet(two).build().output_shape == (None, 4, 4, 49)
    with pytest.raises(ModelError, match="own resolution"):
        UpscaleNet(replace(net, stem_stride=1)).build()


def test_pictures_that_are_no_whole_cells_are_refused() -> None:
    """Padded, the map would be larger than the picture: boxes decoded at another scale."""
    from train import recipes

    for task in ("detect", "segment", "match"):
        net: Any = recipes.get(f"tasks-{task}").net
        odd = replace(net.backbone, input_shape=(32, 30, 1))
        with pytest.raises(ModelError, match="whole cells"):
            replace(net, backbone=odd).build()


def test_outputs_equal(models: tuple[dict[str, Any], HostModels]) -> None:
    """Every element of every map, with a control: another picture's answer differs."""
    made, host = models
    for name, (content, shots) in made.items():
        oracle = Oracle(content)
        port = oracle.graph.inputs[0]
        inputs = [{port.name: shot[None]} for shot in shots]
        if oracle.graph.tensors[port.tensor].dtype == "int8":
            inputs = [{port.name: (s[None] ^ np.uint8(0x80)).view(np.int8)} for s in shots]
        answers = host.run([(name, i, False) for i in inputs])
        wanted = [oracle.predict(i) for i in inputs]
        pairs = zip(answers, wanted, strict=True)
        assert [differences(dict(a.outputs), w) for a, w in pairs] == [0] * SHOTS, name
        assert differences(dict(answers[0].outputs), wanted[1]) > 0, name


def test_figures_of_8_bit_maps_are_of_their_real_numbers(
    models: tuple[dict[str, Any], HostModels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kit convert` judges such a flatbuffer by scale and zero point, not by its bytes."""
    from kit.verbs import convert
    from train import recipes
    from train.data.dataset import Split

    content, shots = models[0]["segment_ends8"]
    oracle, judged = Oracle(content), {}
    (port,) = oracle.graph.outputs
    tensor = oracle.graph.tensors[port.tensor]
    assert tensor.dtype == "int8"
    assert tensor.quant is not None

    class Task:
        metric = "sum"

        def score(self, test: Split, predict: Any) -> dict[str, float]:
            judged["map"] = predict(test.images)
            return {"sum": 1.0}

    monkeypatch.setattr(recipes, "get", lambda name: type("Recipe", (), {"task": Task()}))
    test = Split(shots, np.zeros(len(shots), np.int64), tuple(map(str, range(len(shots)))))
    record = {"task": "segmentation", "name": "any"}
    assert convert._scores(content, test, record)["score_lce_pictures"] == len(shots)
    name = oracle.graph.inputs[0].name
    raw = np.concatenate([oracle.predict({name: shot[None]})[port.name] for shot in shots])
    scale, zero = tensor.quant.scale[0], tensor.quant.zero_point[0]
    np.testing.assert_allclose(judged["map"], scale * (raw.astype(float) - zero), rtol=1e-6)
    assert np.abs(judged["map"] - raw).max() > 1


def test_8_bit_ends_are_trained_as_the_device_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras' numbers are LCE's, to the last unit, behind bytes, bits and a rectified map; with
    plain batch norm in training some are not."""
    from tests.blocks import converted
    from train import recipes
    from train.backend import keras
    from train.layers import Int8Norm

    net = shrunk(recipes.get("tasks-match-ends8").net)

    def worst() -> float:
        try:
            return converted(net, count=8, int8=True).converted.agreement.max_abs_diff
        except ModelError:  # by more than two units
            return float("inf")

    assert worst() == 0
    monkeypatch.setattr(Int8Norm, "call", keras.layers.BatchNormalization.call)
    assert worst() > 0


@pytest.mark.slow
@pytest.mark.emulator
def test_the_commands_take_detection_to_an_emulated_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """train, convert, validate; the board's answer is a map of 1280 numbers."""
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path / "data"))
    run = tmp_path / "run"
    few = {"size": 64, "n_train": 4, "n_val": 2, "n_test": 2, "processes": 1}
    settings = {"epochs": 1, "batch": 2, "gradual": 0.0, "data_options": few}
    asked = [word for k, v in settings.items() for word in ("--set", f"{k}={json.dumps(v)}")]
    assert cli.main(["train", "--recipe", "tasks-detect", "--run", str(run), *asked]) == 0
    trained = json.loads((run / "metrics.json").read_text())
    assert trained["metric"] == "mAP"
    assert trained["score"] == trained["mAP"]
    assert "mAP (scenes-detect, synthetic" in (run / "model_card.md").read_text()
    told = tmp_path / "told.json"
    assert cli.main(["convert", "--run", str(run), "--json", str(told)]) == 0
    found = json.loads(told.read_text())
    assert found["score_lce"] == pytest.approx(trained["score"], abs=1e-6)
    assert "labels" not in found["metadata"]
    assert found["outputs"][0]["shape"] == [1, 16, 16, 5]
    model = ["--model", str(run / "model.tflite"), "--inputs", "6", "--json", str(told)]
    assert cli.main(["validate", "--board", "netduino2plus", *model]) == 0
    valid = json.loads(told.read_text())
    assert (valid["inputs"], valid["mismatched_elements"]) == (6, 0)
    control = [*model, "--corrupt"]
    assert cli.main(["validate", "--board", "netduino2plus", *control]) == 1
