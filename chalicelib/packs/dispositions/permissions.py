"""Which pipelines' assignments a caller may write, and who sees contacts."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context

ANY_OWNER, CONTACTS = "dispositions:any-owner", "dispositions:contacts"


def require_write(ctx: Context, owner: str | None) -> None:
    """Raise Forbidden where the pipeline belongs to somebody else and the caller lacks the permission."""
    access.require_owner(ctx, owner, ANY_OWNER, "The pipeline belongs to somebody else.")
