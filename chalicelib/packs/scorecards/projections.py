"""What an interaction contributes: to its professional's scorecard and months, to the priors of its role and of the firm."""

from typing import Any

from chalicelib.foundation.counts import Number
from chalicelib.foundation.projections import Contribution
from chalicelib.packs.scorecards.entities import FIRM_ROW, WEIGHTED_ROW, Interaction, month_row, role_row, score_row
from chalicelib.packs.scorecards.rules import scorecard


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of the interaction in this image; nothing while it is disputed, and once it is upheld or reversed."""
    interaction = Interaction.from_image(image)
    return contribution(interaction.professional_id, interaction.record) if interaction.counts else {}


def contribution(professional_id: str, record: scorecard.Record) -> Contribution:
    """What an interaction that counts adds to the aggregates."""
    counts, prior = scorecard.counts_of(record), scorecard.prior_of(record)
    own: dict[str, Number] = {f"{record.role}:{name}": number for name, number in prior.items()}
    whose = scorecard.professionals_of(record, professional_id)
    return {
        score_row(professional_id): counts | own,
        (professional_id, WEIGHTED_ROW): scorecard.weighted_of(record),
        month_row(professional_id, record.on): counts,
        role_row(record.role): prior | whose,
        FIRM_ROW: prior,
    }
