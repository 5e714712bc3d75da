"""The composition root: the Chalice app, with the routes of every pack."""

import os

from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.functions import process_runtime
from chalicelib.packs import PACKS

app = ValhallaApp("valhalla", runtime=process_runtime.runtime)
app.register(PACKS)

if "AWS_CHALICE_CLI_MODE" in os.environ:  # Chalice packages the other functions too; in Lambda they start without this file
    from chalicelib.functions import registration

    registration.register(app)
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    app.warm_up()
