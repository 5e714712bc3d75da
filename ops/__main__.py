"""`python -m ops`: what an operator does to a stage from a shell."""

import typer

from ops.shell import Command, failing_in_one_line, group

COMMANDS = (
    Command("check", "ops.health", "Say whether a stage is well: readiness and every pack's status. Exit status 1 where it isn't."),
    Command("bootstrap-admin", "ops.bootstrap", "Make a stage's first administrator."),
    Command("rotate-keys", "ops.bootstrap", "Add a signing key, and drop those that nothing needs any more."),
    Command("import-leads", "ops.import_leads", "Bring leads from a CSV file into the pipeline, through the API."),
    Command("import-fx", "ops.import_fx", "Bring the European Central Bank's file of euro rates into the stage."),
    Command("export", "ops.transfer", "Write a whole stage to a file of JSON lines."),
    Command("import", "ops.transfer", "Read an exported file into an empty stage."),
    Command("rebuild-projections", "ops.projections", "Compute boards, funnels and statistics anew, while the stage is in use."),
    Command("check-projections", "ops.projections", "Hold boards, funnels and statistics against what they are made of."),
    Command("verify-audit", "ops.trail", "Check the audit trail's chains of hashes."),
    Command("erase-subject", "ops.trail", "Erase a subject's personal data from the trail, for good."),
    Command("redrive", "ops.redrive", "Take up again what a stream consumer parked."),
    Command("openapi", "ops.openapi", "Write the API's description to a file."),
    Command("package", "ops.package.cli", "Make the deployable artifact and its template."),
    Command("deploy", "ops.package.cli", "Deploy a stage to AWS."),
)

app = typer.Typer(name="ops", cls=group(COMMANDS), no_args_is_help=True, add_completion=False)


@app.callback()
def about() -> None:
    """What an operator does to a stage from a shell. Every command takes --stage and --help."""


def main() -> None:
    """The command line."""
    with failing_in_one_line():
        app(prog_name="python -m ops")


if __name__ == "__main__":
    main()
