"""The use cases of governance."""
