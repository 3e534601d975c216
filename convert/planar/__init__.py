"""Streams, tables and costs of the planar kernels in `mcu/kernels/planar`.

Pure numpy: weights and thresholds as the importer knows them go in, the arrays that the C
descriptors of `bitwake/bw_planar.h` point to come out.
"""
