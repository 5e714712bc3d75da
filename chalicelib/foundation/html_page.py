"""The frame of every page of HTML that the system makes."""

from html import escape


def html_page(title: str, *, head: str, body: str) -> str:
    """A whole page. `head` and `body` are HTML, in which everything that isn't ours has been escaped; the title is plain text."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">{head}</head><body>{body}</body></html>'
    )
