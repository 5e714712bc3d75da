"""Packs A to G: what every pack stands on. It imports no pack."""
