"""The use cases of findings."""
