"""Input encoders side by side, at the reduced size: equal planes, equal layers, equal weights.

`encoders-NAME` learns from scenes as they come, exposure and gamma drawn. For robustness two more
of each look through a linear converter (gamma 1), as the pixels of a sensor leave it: `-metered`
with every training scene exposed at 0 EV, so without exposure augmentation, and `-exposed` with the
exposure drawn at the sensor, evenly over ±3 EV.

Learned thresholds get ten times the rate of the weights: with the same rate they hardly leave the
ramp, even where pictures fill only its lowest steps (`-slow` shows it).

The linear ADC is `binary` (its natural binary code, eight bit planes) or `linear` (a thermometer of
equal steps and as many planes).
"""

from __future__ import annotations

from dataclasses import replace

from train.layers.encoders import Bayer, BitPlanes, Code, Dithered, Encoder, Frac, Glt
from train.models.binary import Conv
from train.recipes.recipe import Recipe
from train.recipes.reduced import DATA_OPTIONS, NET, reduced

GLT = "GLT, arXiv 2505.13462, reconstructed from its abstract"

# name -> encoder, source
ENCODERS: dict[str, tuple[Encoder, str]] = {
    "glt": (Glt(), GLT),
    "glt-quantile": (Glt(initial="quantile"), f"{GLT}; begun at the data's quantiles"),
    "glt-rect": (Glt(surrogate="rect"), f"{GLT}; rectangular surrogate"),
    "glt-sigmoid": (Glt(surrogate="sigmoid"), f"{GLT}; sigmoid surrogate"),
    "glt-reste": (Glt(surrogate="reste"), f"{GLT}; surrogate after arXiv 2308.06689"),
    "linear": (Glt(learned=False), "fixed thermometer of equal steps"),
    "quantile": (Glt(learned=False, initial="quantile"), "distributive thermometer"),
    "binary": (Code("natural"), "the conventional ADC: eight bit planes in natural binary"),
    "gray": (Code("gray"), "eight bit planes in Gray code"),
    "dither": (Dithered(), "fixed thermometer, ordered dither of 4x4"),
    "dither-random": (Dithered(pattern="random"), "fixed thermometer, fixed random dither"),
    "bitplanes": (BitPlanes(), "bit-plane depth-wise, arXiv 2305.02885, reconstructed"),
    "fracbnn": (Frac(), "FracBNN's thermometer, R = 255 / 8 for eight planes"),
}
ROBUST = (
    "glt", "glt-quantile", "glt-32", "linear", "binary", "quantile", "dither", "bitplanes",
)  # fmt: skip

GLT_RATE = 10.0

METERED = {**DATA_OPTIONS, "gamma": 1.0, "ev": 0.0}
EXPOSED = {**DATA_OPTIONS, "gamma": 1.0, "even": True}


def _recipes(name: str, encoder: Encoder, source: str, planes: int = 8) -> list[Recipe]:
    net = replace(NET, planes=planes, encoder=encoder)
    found = [reduced(f"encoders-{name}", net, source, glt_rate=GLT_RATE)]
    if name in ROBUST:
        for suffix, data in (("metered", METERED), ("exposed", EXPOSED)):
            recipe = replace(found[0], name=f"encoders-{name}-{suffix}", data_options=data)
            found.append(recipe)
    return found


_RGB = {**DATA_OPTIONS, "channels": 3}
_RAW = {k: v for k, v in DATA_OPTIONS.items() if k != "channels"}

RECIPES = (
    *(recipe for name, (e, source) in ENCODERS.items() for recipe in _recipes(name, e, source)),
    reduced("encoders-glt-slow", NET, f"{GLT}; thresholds at the rate of the weights"),
    # as many planes as scenes-wake has: tables make them nearly free on the device
    *_recipes("glt-32", ENCODERS["glt-quantile"][0], f"{GLT}; 32, begun at quantiles", planes=32),
    reduced(
        "encoders-glt-32-dithered",
        replace(NET, planes=32, encoder=ENCODERS["glt-quantile"][0], dithered=True),
        f"{GLT}; 32, begun at quantiles; a first layer of dithered kernels, ours",
        glt_rate=GLT_RATE,
    ),
    # as many planes as the authors take: more weights in the first layer
    reduced("encoders-fracbnn-32", replace(NET, planes=32, encoder=Frac(8.0)), "FracBNN, R = 8"),
    # colour: thresholds a channel, or the same for all
    reduced(
        "encoders-rgb",
        replace(NET, input_shape=(64, 64, 3)),
        GLT,
        data_options=_RGB,
        glt_rate=GLT_RATE,
    ),
    reduced(
        "encoders-rgb-shared",
        replace(NET, input_shape=(64, 64, 3), encoder=Glt(shared=True)),
        f"{GLT}; one set of thresholds for all channels",
        data_options=_RGB,
        glt_rate=GLT_RATE,
    ),
    # a raw mosaic: maps of half the side from the start, so the first stride is taken by the tiles
    reduced(
        "encoders-bayer",
        replace(NET, encoder=Bayer(), layers=(Conv(16, 3), *NET.layers[1:])),
        f"{GLT}; raw Bayer mosaic as four channels",
        data="scenes-raw",
        data_options=_RAW,
        glt_rate=GLT_RATE,
    ),
)
