"""The rules of decisions: who may decide what, what a decision is worth, and which acts need approval. Pure."""
