"""Dispositions: buyers, and the assignments that carry a contract to one of them."""
