"""Tasks: what a network's output means, how it is taught and how it is judged."""

from train.tasks.task import Classification, Predict, Task

__all__ = ["Classification", "Predict", "Task"]
