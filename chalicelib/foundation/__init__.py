"""Packs A to G: the foundation of every pack. It imports no pack."""
