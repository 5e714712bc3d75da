"""The rows of alignment.

An alignment lies in its professional's partition (`A#`). A match is a root: the match at `~`, its lists at `C` (`ProfessionalMatchContent`), so that
one query reads both and the trail, which records the match, holds no names.
"""

from dataclasses import asdict
from decimal import Decimal
from typing import Self

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row
from chalicelib.packs.alignment.rules.comparison import VERSION, Ideal, Signals, align


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

    @property
    def exact_weights(self) -> dict[str, Decimal]:
        """The weights as the rules take them: the table returns whole numbers as int."""
        return {name: Decimal(weight) for name, weight in self.weights.items()}


class Alignment(Entity):
    """A professional's signals compared with a profile, as both were then. It is never changed."""

    KIND = "alignment"
    ID = IdFormat("aln", "alignment", parents={"p": "pro"}, row="A")
    LIST_FIELDS = ("id", "profile_id", "profile_revision", "signal_id", "overall_score", "created_at")

    profile_id = a.string()
    profile_revision = a.integer()
    signal_id = a.string()
    signals = a.map_()  # as they were compared
    ideal = a.map_()
    weights = a.map_()
    scores = a.map_()  # the five, by name
    overall = a.optional_decimal()
    strengths = a.string_list()
    risks = a.string_list()
    recommendation = a.optional_string()
    matched_specializations = a.string_list()
    missing = a.string_list()
    rules_version = a.integer()

    @property
    def professional_id(self) -> str:
        """Whose it is."""
        return self.key.pk

    @property
    def overall_score(self) -> Decimal | None:
        """The overall score, as lists name it."""
        return self.overall

    @classmethod
    def of(cls, ctx: Stamp, professional_id: str, profile: AlignmentProfile, signal_id: str, signals: Signals) -> Self:
        """A new one: the professional's signals compared with the profile."""
        result = align(signals, profile.ideal, profile.exact_weights)
        return cls.new(
            ctx,
            id=cls.ID.new(ctx.now, professional_id),
            profile_id=profile.id,
            profile_revision=profile.revision,
            signal_id=signal_id,
            signals=as_map(signals),
            ideal=as_map(profile.ideal),
            weights=profile.weights,
            scores={name: score if score is None else Decimal(str(score)) for name, score in result.scores.parts.items()},
            overall=result.scores.overall,
            strengths=result.strengths,
            risks=result.risks,
            recommendation=result.recommendation,
            matched_specializations=result.matched_specializations,
            missing=signals.missing,
            rules_version=VERSION,
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


def as_map(values: Signals | Ideal) -> JsonObject:
    """Signals or an ideal as nested values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(values).items()}
