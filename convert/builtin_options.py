"""Options of TFLite's built-in operators: operator -> (class, {attribute: accessor})."""

from __future__ import annotations

from typing import Any

import tflite

_POOL = {
    "padding": "Padding",
    "stride_h": "StrideH",
    "stride_w": "StrideW",
    "filter_h": "FilterHeight",
    "filter_w": "FilterWidth",
    "activation": "FusedActivationFunction",
}
_REDUCE = {"keep_dims": "KeepDims"}
_RESIZE = {"align_corners": "AlignCorners", "half_pixel_centers": "HalfPixelCenters"}
_SLICE = {
    "begin_mask": "BeginMask",
    "end_mask": "EndMask",
    "ellipsis_mask": "EllipsisMask",
    "new_axis_mask": "NewAxisMask",
    "shrink_axis_mask": "ShrinkAxisMask",
    "offset": "Offset",
}

OPTIONS: dict[str, tuple[Any, dict[str, str]]] = {
    "AVERAGE_POOL_2D": (tflite.Pool2DOptions, _POOL),
    "MAX_POOL_2D": (tflite.Pool2DOptions, _POOL),
    "TRANSPOSE_CONV": (
        tflite.TransposeConvOptions,
        {k: _POOL[k] for k in ("padding", "stride_h", "stride_w", "activation")},
    ),
    "MEAN": (tflite.ReducerOptions, _REDUCE),
    "SUM": (tflite.ReducerOptions, _REDUCE),
    "REDUCE_MAX": (tflite.ReducerOptions, _REDUCE),
    "REDUCE_MIN": (tflite.ReducerOptions, _REDUCE),
    "SOFTMAX": (tflite.SoftmaxOptions, {"beta": "Beta"}),
    "LEAKY_RELU": (tflite.LeakyReluOptions, {"alpha": "Alpha"}),
    "CONCATENATION": (
        tflite.ConcatenationOptions,
        {"axis": "Axis", "activation": "FusedActivationFunction"},
    ),
    "RESIZE_BILINEAR": (tflite.ResizeBilinearOptions, _RESIZE),
    "RESIZE_NEAREST_NEIGHBOR": (tflite.ResizeNearestNeighborOptions, _RESIZE),
    "DEPTH_TO_SPACE": (tflite.DepthToSpaceOptions, {"block_size": "BlockSize"}),
    "SPACE_TO_DEPTH": (tflite.SpaceToDepthOptions, {"block_size": "BlockSize"}),
    "STRIDED_SLICE": (tflite.StridedSliceOptions, _SLICE),
}
