"""The composition root: the Chalice app, and every pack's routes and schedules registered on it."""

import os

from chalicelib.foundation import schedules
from chalicelib.foundation.http.doorway import Doorway
from chalicelib.foundation.runtime import Runtime
from chalicelib.packs import PACKS

app = Doorway("valhalla", runtime=lambda: Runtime.from_environment(os.environ))
app.register(PACKS)
schedules.register(app, PACKS)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    app.warm_up()
