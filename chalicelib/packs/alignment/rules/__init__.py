"""Comparison with an ideal, matching with a need, and conflicts of interest, as pure functions."""
