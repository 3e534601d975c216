"""One module a verb: `add_arguments(parser)`, `run(args) -> status`; the docstring is its help."""
