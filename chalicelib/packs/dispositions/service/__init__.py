"""The use cases of dispositions."""
