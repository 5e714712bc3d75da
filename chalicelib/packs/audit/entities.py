"""Entities of the pack besides the trail: accesses to it."""

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity


class TrailAccess(Entity):
    """An access to the trail, or the erasure of a subject: an item without index keys, recorded on the trail like every entity."""

    KIND = "trail_access"
    ID = IdFormat("look", "access to the trail")

    access = a.string()  # read, listed, erased
    subject_id = a.optional_string()  # whose trail was read, or who was erased
    filters = a.optional_map()
    records = a.integer()  # number of records returned
