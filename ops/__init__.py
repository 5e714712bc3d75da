"""What an operator does to a stage from a shell: `python -m ops --help`."""
