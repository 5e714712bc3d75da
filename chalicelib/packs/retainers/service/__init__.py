"""The use cases of retainers."""
