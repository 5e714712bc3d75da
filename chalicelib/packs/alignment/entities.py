"""The rows of alignment.

A match is a root: the match at `~`, its lists at `C` (`ProfessionalMatchContent`), so that
one query reads both and the trail, which records the match, holds no names.
"""

from typing import Self

from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row
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


class ProfessionalMatch(Entity):
    """A search for professionals: what was asked for, and how many there were. It ends after a year."""

    KIND = "professional_match"
    ID = IdFormat("match", "match")

    request = a.map_()
    profile_id = a.optional_string()
    profile_revision = a.optional_integer()
    deal_id = a.optional_string()
    rules_version = a.integer()
    eligible = a.integer()
    ruled_out = a.integer()
    cut = a.boolean()
    ttl = a.integer()


class ProfessionalMatchContent(Row):
    """The lists of a match. They end with it."""

    KIND = "professional_match_content"

    content = a.compressed_text(attr_name="z")
    ttl = a.integer()

    @staticmethod
    def key_of(match_id: str) -> ItemKey:
        """Its key."""
        return ItemKey(match_id, "C")

    @classmethod
    def of(cls, match: ProfessionalMatch, content: JsonObject) -> Self:
        """The lists of a match as they are stored."""
        return cls.at(cls.key_of(match.id), content=dumps(content), ttl=match.ttl)

    @property
    def lists(self) -> JsonObject:
        """The lists."""
        values: JsonObject = loads(self.content)
        return values
