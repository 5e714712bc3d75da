"""The use cases of the wholesale pipeline, a module each."""
