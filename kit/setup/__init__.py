"""Set-up of a checkout, called by make: interpreter, virtual environment, Debian packages.

Standard library only: it runs before anything is installed.
"""
