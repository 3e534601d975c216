"""Streams, tables and costs of the planar kernels in `mcu/kernels/planar`.

Pure numpy: weights and thresholds as the importer knows them go in, the arrays and numbers of the C
descriptors of `bitwake/bw_planar.h` come out.

    shape = ConvShape(in_h=24, in_w=24, in_c=32, out_h=24, out_w=24, out_c=32, groups=2)
    choice = cost.cheapest(shape, scratch=6144)          # kernel, division, scratch, instructions
    streams = pack.pack(weights, thresholds, shape.groups, choice.chunks)      # choice "conv"
    arrays = lanes.pack(weights, thresholds, shape.groups, choice.chunk)       # choice "lanes"
    pack.fields(shape, choice.chunks)                    # the numbers of a bw_planar_conv

`geometry` has sizes, `cost` what every kernel and conversion takes in instructions, `bench` the
layers that benchmarks show. A convolution with a stride reads planes that `bw_planar_split_bits` or
the encoder wrote as phases. Where no group shares words, a shuffle of channels before `lanes` is a
permutation of the weights; planar convolutions take it as `source`.
"""
