"""The use cases of handoffs."""
