"""Measurements: `make bench`. Ratios within one run; never an absolute time as a test."""
