"""Runs the SCons that is installed beside PlatformIO."""

import SCons.Script

SCons.Script.main()
