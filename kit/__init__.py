"""BitWake's host side: command line, boards, serial client, benchmarks, reports and set-up.

This file is imported by the set-up before any dependency is installed: standard library only.
"""

__version__ = "0.1.0"
