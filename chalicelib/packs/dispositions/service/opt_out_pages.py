"""The pages that a buyer sees who follows the link in a mail."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Offers by mail</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1.2rem }}</style></head>
<body><main><h1>Offers by mail</h1>
{content}
</main></body></html>
"""

ASK = _PAGE.format(
    content='<p>You get offers of houses from us.</p>\n<form method="post"><button type="submit">Send me no more</button></form>'
)
DONE = _PAGE.format(content='<p role="status">You will get no more offers from us. Nothing else is needed.</p>')
