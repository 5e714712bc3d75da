"""The settings of the wholesale pipeline."""

from dataclasses import dataclass

from chalicelib.foundation.environment import choice, setting

ALL, OWN = "all", "own"


@dataclass(frozen=True, kw_only=True)
class WholesaleSettings:
    """What the firm lets its dealmakers see of each other's leads."""

    dealmaker_sight: str = setting(
        "VALHALLA_DEALMAKER_SIGHT", "whose sellers' contacts dealmakers see: all leads', or their own and nobody's", choice(ALL, OWN), ALL
    )
