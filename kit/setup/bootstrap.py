"""Chooses the Python interpreter, then hands over to kit.setup.prepare under that interpreter.

Called by make as ``python3 kit/setup/bootstrap.py small|full [--need arm,qemu]``. This one file is
started by whatever ``python3`` is on PATH, however old or new, so it keeps to syntax that every
Python since 3.0 can read; everything it imports from the project runs under a supported version.

Exit status: 0 ready, 2 something the user must do (said on standard error), 130 interrupted.
"""

import glob
import os
import subprocess
import sys

OLDEST = (3, 10)
NEWEST = (3, 12)
CANDIDATES = ("python3", "python3.12", "python3.11", "python3.10")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE = "import sys; print('%d.%d.%d' % tuple(sys.version_info[:3]))"


def dotted(version):
    """(3, 11) -> '3.11'."""
    return ".".join(str(part) for part in version)


def supported(version):
    """Whether a version tuple lies in the supported range, both ends included."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def version_of(command):
    """Version tuple that `command` reports of itself, or None when it is not a working Python.

    Asking is the only test: a name on PATH may be a shim for a version that is not there.
    """
    try:
        process = subprocess.Popen(
            [command, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output = process.communicate()[0].decode("ascii", "replace").strip()
    except OSError:
        return None
    try:
        return tuple(int(part) for part in output.split("."))
    except ValueError:
        return None


def behind_shim(command):
    """The interpreter that a pyenv shim hides while no version is chosen, or None.

    The shim of a version that is installed but not selected refuses to run; the version is there.
    """
    if os.path.basename(command) != command:
        return None
    root = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for path in sorted(glob.glob(os.path.join(root, "versions", "*", "bin", command))):
        if version_of(path) is not None:
            return path
    return None


def choose(asked):
    """The interpreter to go on with: `asked` if given, else the first supported candidate.

    Returns (command, None), or (None, what was found) when there is no supported one. The running
    interpreter is named by sys.executable and is not started a second time.
    """
    running = tuple(sys.version_info[:3])
    if not asked and supported(running):
        return sys.executable, None
    seen = []
    for command in [asked] if asked else CANDIDATES:
        version = version_of(command)
        if version is None and asked:
            command = behind_shim(command) or command
            version = version_of(command)
        if version is None:
            if asked:
                seen.append(command + " is not a Python interpreter that runs")
        elif supported(version):
            return command, None
        else:
            seen.append(command + " is Python " + dotted(version))
    if not seen:
        seen.append("Python " + dotted(running))
    return None, "; ".join(seen)


def refuse(found):
    """The one message for a Python that is absent, too old or too new."""
    sys.stderr.write(
        "BitWake needs Python {0} to {1}.\n"
        "  found: {2}\n"
        "  do:    install one and run make again:\n"
        "           sudo apt-get install python3.11 python3.11-venv\n"
        "         or name one that you have:\n"
        "           make demo PYTHON=/path/to/python3.11\n".format(
            dotted(OLDEST), dotted(NEWEST), found
        )
    )
    return 2


def asked_interpreter(arguments):
    """The value of --python in the arguments, '' when absent."""
    for position, argument in enumerate(arguments[:-1]):
        if argument == "--python":
            return arguments[position + 1]
    return ""


def main(arguments):
    """Runs the set-up here, or starts it again under the chosen interpreter."""
    if not os.environ.pop("BITWAKE_CHOSEN", None):
        command, found = choose(asked_interpreter(arguments))
        if command is None:
            return refuse(found)
        if command != sys.executable:
            os.environ["BITWAKE_CHOSEN"] = "1"
            os.execvp(command, [command, os.path.abspath(__file__)] + arguments)
    # The project's root instead of this folder, whose module names are not meant to be global.
    sys.path[0] = ROOT
    from kit.setup import prepare

    return prepare.main(arguments)


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the same command goes on from here\n")
        status = 130
    sys.exit(status)
