"""Figures for people: page style, own SVG charts, and accuracy against on-device cost."""
