"""The evidence: experiments as data, what came out of each, and their summary.

Imports no TensorFlow, so that the page can be made where only the small set is installed.
"""
