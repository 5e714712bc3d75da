"""The rules of document routes, as pure functions."""
