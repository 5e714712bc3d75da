"""The use cases of finalization."""
