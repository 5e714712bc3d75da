"""Permissions beyond those of the endpoints."""

CORRECT_SNAPSHOTS = "holdings:correct-snapshots"
