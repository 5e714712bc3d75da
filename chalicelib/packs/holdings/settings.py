"""The settings of holdings."""

from dataclasses import dataclass

from chalicelib.foundation.environment import days, setting


@dataclass(frozen=True, kw_only=True)
class HoldingsSettings:
    """How amounts are converted."""

    fx_max_age_days: int = setting("VALHALLA_FX_MAX_AGE_DAYS", "how many days old a rate may be that is converted by", days, 30)
