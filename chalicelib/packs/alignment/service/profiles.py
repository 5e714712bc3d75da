"""Profiles: what is looked for in a professional."""

from decimal import Decimal
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.alignment.entities import AlignmentProfile
from chalicelib.packs.alignment.permissions import require_all
from chalicelib.packs.alignment.schemas import ProfileCreate, ProfilePatch, ProfileSummary, ProfileView


def create_profile(ctx: Context, body: ProfileCreate) -> ProfileView:
    """Create a profile. What is left out is as in the older comparison, and all scores weigh the same."""
    values = body.model_dump()
    _check_weights(values["weights"])
    profile = AlignmentProfile.new(ctx, **values)
    view = present(ProfileView, profile)
    tx = idempotent_transaction(ctx, view)
    tx.create(profile)
    tx.commit()
    return view


def list_profiles(ctx: Context, query: PageParams) -> PageOf[ProfileSummary]:
    """All profiles, newest first."""
    require_all(ctx)
    return ctx.paginate(AlignmentProfile.ALL.range(), query, lambda row: present_row(ProfileSummary, row))


def get_profile(ctx: Context, id: str) -> ProfileView:
    """One profile."""
    require_all(ctx)
    return present(ProfileView, ctx.store.require(AlignmentProfile, id))


@retry_on_conflict
def edit_profile(ctx: Context, id: str, body: ProfilePatch) -> ProfileView:
    """Change a profile. Alignments that were made with it stay as they are."""
    before = ctx.store.require(AlignmentProfile, id)
    ctx.check_if_match(before.revision)
    changed = body.changes_to(before.attribute_values)
    _check_weights(changed.get("weights", before.weights))
    if not changed:
        return present(ProfileView, before)
    after = before.with_changes(ctx, **changed)
    ctx.store.save(after)
    return present(ProfileView, after)


@retry_on_conflict
def delete_profile(ctx: Context, id: str) -> None:
    """Delete a profile."""
    profile = ctx.store.require(AlignmentProfile, id)
    ctx.check_if_match(profile.revision)
    ctx.store.save(profile.soft_deleted(ctx))


def _check_weights(weights: JsonObject) -> None:
    if sum(map(Decimal, cast(dict[str, Decimal], weights).values())) != 1:
        raise ValidationFailed.field("weights", "the weights must add up to exactly 1")
