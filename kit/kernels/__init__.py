"""Micro-benchmarks of single kernels on a board: cases, their C, and what they must answer."""
