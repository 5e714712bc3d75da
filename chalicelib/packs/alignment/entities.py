"""The rows of alignment."""

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.packs.alignment.rules.comparison import Ideal


class AlignmentProfile(Entity):
    """What is looked for in a professional: an ideal, and how much each score weighs. Nothing refers to one, so it can always be deleted."""

    KIND = "alignment_profile"
    ID = IdFormat("prof", "profile")
    ALL = AccessPattern("gsi1", "APROF", serves="GET /pros/profiles")
    LIST_FIELDS = ("id", "name", "created_at")

    name = a.string()
    target_clarity = a.decimal()
    target_professionalism = a.decimal()
    target_transparency = a.decimal()
    preferred_risk_style = a.string()
    preferred_specializations = a.string_list()
    weights = a.map_()

    @property
    def ideal(self) -> Ideal:
        """The ideal as the rules take it."""
        return Ideal(
            self.target_clarity,
            self.target_professionalism,
            self.target_transparency,
            self.preferred_risk_style,
            tuple(self.preferred_specializations),
        )
