"""What the pack keeps besides the trail itself: that somebody read it."""

from chalicelib.foundation.ids import IdForm
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity


class TrailAccess(Entity):
    """One reading of the trail, or the erasure of a subject: one small row without index, which the trail then tells of."""

    KIND = "trail_access"
    ID = IdForm("look", "access to the trail")

    access = a.text()  # read, listed, erased
    subject_id = a.optional_text()  # whose trail was read; who was erased
    filters = a.optional_document()
    records = a.whole()  # how many records the answer showed
