"""The queue of experiments, and the page made from what came out."""
