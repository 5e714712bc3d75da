"""Links in mails with which who gets them opts out of more, or asks for more again. They need no account and never expire.

A link is of an address: it holds the id of the record that the mail was sent for, and the digest of the address that it was sent to. So it
opts out that address even when the record has another one by now, or is gone, and nobody decides with it for whoever has the record's new one.

Opening a link changes nothing, since mail scanners open links too; the button on its page does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.foundation import outbox, signing, suppression
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.http.public_page import Form, Notice, page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schema_types import QueryFlag, QueryParams
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.suppression import SuppressionList, addressee

E = TypeVar("E", bound=Entity)

_PURPOSE = "opt-out"


class OptOutParams(QueryParams):
    """The query of an opt-out link."""

    again: QueryFlag = False


@dataclass(frozen=True)
class Wording:
    """What the mails and the page say: the words before the link; to those who get mail and to those who don't, each with a button."""

    footer: str
    heading: str
    subscribed: str
    opt_out: str
    opted_out: str
    ask_again: str


@dataclass(frozen=True)
class _Visit(Generic[E]):
    """A link that was opened: the key of its address, whether that is suppressed, and the record, where it is there and has the address."""

    record_id: str
    address: ItemKey
    is_suppressed: bool
    receiver: E | None

    @property
    def is_opted_out(self) -> bool:
        """Whether nothing is sent. Records of before there were suppressions say so themselves."""
        return self.is_suppressed or (self.receiver is not None and addressee(self.receiver).do_not_contact)


@dataclass(frozen=True)
class OptOutLink(Generic[E]):
    """The links of one kind of receiver. `path` is that of the endpoint, before the token."""

    kind: type[E]
    path: str
    suppressions: SuppressionList
    wording: Wording

    def add_mail(self, ctx: Context, tx: Transaction, receiver: E, subject: str, paragraphs: Sequence[str]) -> None:
        """Add a mail that ends with the receiver's link, and isn't sent once they have opted out. They have an address."""
        address = addressee(receiver).email or ""
        text = "\n\n".join([*paragraphs, f"{self.wording.footer}: {self.url(ctx, receiver)}"])
        outbox.add_mail(tx, ctx, to=address, subject=subject, text=f"{text}\n", unless=self.suppressions.key(ctx, address))

    def url(self, ctx: Context, receiver: E) -> str:
        """The link of a receiver: id and digest of the address, and their signature under the one key that is never rotated."""
        digest = self.suppressions.digest(ctx, addressee(receiver).email or "")
        signature = signing.sign_text(ctx.secrets.personal_key, _PURPOSE, f"{receiver.id}.{digest}")
        return f"{ctx.settings.public_url}{self.path}/{receiver.id.removeprefix(f'{self.kind.ID.prefix}_')}.{digest}.{signature}"

    def show(self, ctx: Context, token: str) -> ApiResponse:
        """The page of a link by its token, as things are. NotFound for an invalid signature. One round trip."""
        return self._page(opted_out=self._open(ctx, token).is_opted_out)

    def decide(self, ctx: Context, token: str, save: Callable[[Context, E, E], object], *, again: bool) -> ApiResponse:
        """Opt out who has the link, or let mail be sent to them `again`. NotFound as in `show`. One round trip, and those of `save`.

        `save(ctx, before, after)` writes the record, with what `SuppressionList.add` says.
        """
        ctx.store.retry_on_conflict(lambda: self._decide(ctx, self._open(ctx, token), save, again=again))
        return self._page(opted_out=not again)

    def _decide(self, ctx: Context, visit: _Visit[E], save: Callable[[Context, E, E], object], *, again: bool) -> None:
        before, by = visit.receiver, visit.record_id  # the token identifies the receiver
        reason = suppression.ASKED_AGAIN if again else suppression.OPTED_OUT
        if before is not None and addressee(before).do_not_contact == again:
            save(ctx, before, suppression.with_contact(ctx, before, allowed=again, reason=reason, by=by))
        elif visit.is_suppressed == again:
            tx = Transaction(ctx.store)
            self.suppressions.set(ctx, tx, visit.address, active=not again, reason=reason, by=by)
            tx.commit()

    def _open(self, ctx: Context, token: str) -> _Visit[E]:
        (ulid, _, rest), signature = token.partition("."), token.rpartition(".")[2]
        id, digest = f"{self.kind.ID.prefix}_{ulid}", rest.rpartition(".")[0]
        if not signing.is_signature(ctx.secrets.personal_key, _PURPOSE, f"{id}.{digest}" if digest else id, signature):
            raise NotFound("link")
        record = self.kind.ID.key(id)
        if not digest:  # a link from before links were of an address: that of the record counts
            digest = self._digest(ctx, ctx.store.find(self.kind, id)) or ""
            if not digest:
                raise NotFound("link")
        address = self.suppressions.key_of(digest)
        rows = ctx.store.batch_get([record, address])
        receiver = parse_live(self.kind, rows.get(record))
        if digest != self._digest(ctx, receiver):
            receiver = None
        ctx.suppressions[address] = is_suppressed = suppression.is_active(rows.get(address))
        return _Visit(id, address, is_suppressed, receiver)

    def _digest(self, ctx: Context, receiver: E | None) -> str | None:
        """The digest of a receiver's address; None without one."""
        address = None if receiver is None else addressee(receiver).email
        return None if address is None else self.suppressions.digest(ctx, address)

    def _page(self, *, opted_out: bool) -> ApiResponse:
        wording = self.wording
        text, button, query = (
            (wording.opted_out, wording.ask_again, "?again=true") if opted_out else (wording.subscribed, wording.opt_out, "?")
        )
        return page(wording.heading, [Notice(text), Form(button, query)])
