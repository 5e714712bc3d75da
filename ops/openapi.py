"""`python -m ops openapi`: the API's description, as a file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer()


@app.command("openapi")
def openapi_command(
    stage: Annotated[str, typer.Option(help="It is the same for every stage: ignored.", hidden=True)] = "",  # noqa: ARG001
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path("build/openapi.json"),
) -> None:
    """Write the API's description (OpenAPI 3.1), generated from the manifests and the handlers' type hints. It needs no stage."""
    from chalicelib.foundation.http import openapi
    from chalicelib.packs import PACKS

    out.parent.mkdir(parents=True, exist_ok=True)
    openapi.write(PACKS, out)
    Console(highlight=False, soft_wrap=True).print(f"{sum(len(pack.endpoints) for pack in PACKS)} endpoints are described in {out}.")
