from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.http.public_page import Anchor, Form, Notice, page, view_or_page
from chalicelib.foundation.http.public_page import Field as FormField
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.printing.document import Pairs


class LetterAnswer(t.RequestBody):
    """An answer."""

    name: Annotated[t.Name, Field(examples=["Ann"])]
    consent: Literal[True]
    copy_wanted: t.StrictBool = False
    note: t.Notes | None = None


class LetterView(TypedDict):
    title: str
    name: str | None
    copy_wanted: bool
    note: str | None


def show_letter(ctx: Context, token: str) -> Annotated[ApiResponse, LetterView]:
    """The letter."""
    _check(token)
    view: LetterView = {"title": "Dear <you>", "name": None, "copy_wanted": False, "note": None}
    fields = [
        FormField("name", "Your <name>", max_length=200),
        FormField("consent", "I agree", "flag"),
        FormField("copy_wanted", "Send me a copy", "flag", required=False),
        FormField("note", "Note", "long-text", value="</textarea><script>", required=False),
        FormField("why", "Why", "choice", options=[("a", "A & B"), ("c", "C")], value="c"),
        FormField("on", "On", "date", value='"2026'),
        FormField("hash", "", "hidden", value='a"b'),
    ]
    parts = [Pairs([("What", "<b>")]), Anchor("Read it", "https://x.example/?a=1&b=2"), Form("Sign", f"{token}/answer", fields)]
    return view_or_page(ctx, view, lambda: page(view["title"], parts, kicker="A & letter", badges=[("Open", "watch")]))


def answer_letter(ctx: Context, token: str, body: LetterAnswer) -> Annotated[ApiResponse, LetterView]:
    """Answer it."""
    _check(token)
    if body.name == "Nobody":
        raise Conflict("Somebody else <answered>.")
    if body.name == "Broken":
        raise ZeroDivisionError("secret")
    view: LetterView = {"title": "Dear <you>", "name": body.name, "copy_wanted": body.copy_wanted, "note": body.note}
    return view_or_page(ctx, view, lambda: page("Thanks", [Notice(f"{body.name} answered: {body.note}, {body.copy_wanted}")]))


def _check(token: str) -> None:
    if token != "good":
        raise NotFound("link")
