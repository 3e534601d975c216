"""`python -m kit <verb>`: the command line."""

from __future__ import annotations

import io
import signal
import sys

from kit.cli import main

if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no × or no ü shows an escape in its place, as on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Ends as an exception does, so that emulators are stopped and temporary files removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
