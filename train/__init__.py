"""Datasets, layers, models, recipes and the training loop."""
