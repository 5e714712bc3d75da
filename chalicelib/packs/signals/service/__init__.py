"""The use cases of signals."""
