"""The composition root: the Chalice app, and every pack's routes and schedules registered on it."""

import os

from chalicelib.foundation.http.doorway import Doorway
from chalicelib.foundation.runtime import Runtime
from chalicelib.packs import PACKS

app = Doorway("valhalla", runtime=lambda: Runtime.from_environment(os.environ))
app.register(PACKS)

if "AWS_CHALICE_CLI_MODE" in os.environ:  # Chalice packages the other functions too; in Lambda each starts without this file
    from chalicelib.functions import registration

    registration.register(app, PACKS)
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    app.warm_up()
