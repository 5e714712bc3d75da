"""The rules of contracts, as pure functions."""
