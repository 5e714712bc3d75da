"""The use cases of document routes."""
