"""Datasets behind one interface: `load(name, seed=…, …) -> Dataset`."""

from train.data.dataset import Dataset, Split
from train.data.registry import DATASETS, load

__all__ = ["DATASETS", "Dataset", "Split", "load"]
