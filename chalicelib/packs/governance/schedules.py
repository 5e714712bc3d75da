"""The scheduled work of governance."""

from chalicelib.packs.governance.service.overrides import tell_of_overdue_reviews as reviews

__all__ = ["reviews"]
