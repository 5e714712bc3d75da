"""The contract that a retainer rests on, which another pack has: it is found among the subjects, and says whether it is in force."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.retainers.rules.states import MoveFacts

CONTRACT = "contract"  # the type of subject
_IN_FORCE = "in_force"  # its fact


def read_facts(ctx: Context, contract_id: str | None) -> MoveFacts:
    """Whether the contract is signed and in force. Raises NotFound for an id that names none. A round trip, without a contract none."""
    if contract_id is None:
        return MoveFacts()
    registry = SubjectRegistry(ctx.packs)
    registry.require_type(contract_id, CONTRACT)
    return MoveFacts(contract_in_force=bool(registry.load(ctx, contract_id).facts[_IN_FORCE]))
