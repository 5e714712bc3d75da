"""Links in mails with which who gets them opts out of more. They need no account and never expire.

Opening a link changes nothing, since mail scanners open links too; the button on its page does.
"""

from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

from chalicelib.foundation import signing
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.store.entity import Entity

E = TypeVar("E", bound=Entity)

_PURPOSE = "opt-out"
_STYLE = (
    "body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem }\n"
    "button { font: inherit; padding: .5rem 1.2rem }"
)


@dataclass(frozen=True)
class OptOutLink(Generic[E]):
    """The links of one kind of receiver. `path` is that of the endpoint, before the token; `heading` that of the page."""

    kind: type[E]
    path: str
    heading: str

    def url(self, ctx: Context, id: str) -> str:
        """The link of a receiver: the id, and its signature under the one key that is never rotated."""
        signature = signing.sign_text(ctx.secrets.personal_key, _PURPOSE, id)
        return f"{ctx.settings.public_url}{self.path}/{id.removeprefix(f'{self.kind.ID.prefix}_')}.{signature}"

    def receiver(self, ctx: Context, token: str) -> E:
        """The receiver of a link by its token. NotFound for an invalid signature, or a receiver that is deleted. One round trip."""
        ulid, _, signature = token.partition(".")
        id = f"{self.kind.ID.prefix}_{ulid}"
        if not signing.is_signature(ctx.secrets.personal_key, _PURPOSE, id, signature):
            raise NotFound("link")
        try:
            return ctx.store.require(self.kind, id)
        except NotFound:
            raise NotFound("link") from None

    def question(self, text: str, button: str) -> ApiResponse:
        """The page that asks, with a button that posts to the page's own address."""
        return self._page(f'<p>{escape(text)}</p>\n<form method="post"><button type="submit">{escape(button)}</button></form>')

    def confirmation(self, text: str) -> ApiResponse:
        """The page that says that it is done."""
        return self._page(f'<p role="status">{escape(text)}</p>')

    def _page(self, content: str) -> ApiResponse:
        heading = escape(self.heading)
        html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<style>{_STYLE}</style></head>
<body><main><h1>{heading}</h1>
{content}
</main></body></html>
"""
        return ApiResponse(html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
