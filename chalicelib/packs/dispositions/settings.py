"""The settings of dispositions."""

from dataclasses import dataclass

from chalicelib.foundation.environment import choice, flag, setting


@dataclass(frozen=True, kw_only=True)
class DispositionsSettings:
    """What the firm demands of offers and assignments."""

    offer_before_contract: str = setting(
        "VALHALLA_OFFER_BEFORE_CONTRACT", "what an offer of a house not under contract meets", choice("refuse", "warn"), "refuse"
    )
    require_pof: bool = setting("VALHALLA_REQUIRE_POF", "refuse to assign without a proof of funds", flag, False)
