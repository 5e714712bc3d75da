"""Valhalla: the platform that runs a deal firm."""

__version__ = "0.1.0"
