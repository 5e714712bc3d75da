"""The use cases of deals."""
