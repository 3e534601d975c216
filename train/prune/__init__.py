"""Block pruning: blocks of a trained network are ranked, removed for good, the rest is retrained.

arXiv 2505.13462 trains its grouped binary networks by "block pruning and KD"; what a block is, the
criterion and the schedule were not available to us. All three are reconstructed: docs/pruning.md.
"""
