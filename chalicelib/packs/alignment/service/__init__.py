"""The use cases of alignment."""
