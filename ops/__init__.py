"""Operator commands for a stage: `python -m ops --help`."""
