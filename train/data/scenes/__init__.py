"""`scenes`: rendered 96x96 pictures with and without people, seen through a sensor model."""

from train.data.scenes.loader import load
from train.data.scenes.render import Scene, render

__all__ = ["Scene", "load", "render"]
