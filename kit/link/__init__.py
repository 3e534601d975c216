"""The serial line to a board: lines, replies, faults, and the Device that speaks the protocol."""
