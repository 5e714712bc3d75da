"""The use cases of tasks."""
