"""`python -m ops`: operator commands for a stage."""

import typer

from ops.cli import Command, command_group, one_line_errors

COMMANDS = (
    Command("check", "ops.health", "Check readiness and every pack's status. Exit status 1 on failure."),
    Command("bootstrap-admin", "ops.bootstrap", "Create a stage's first administrator."),
    Command("rotate-keys", "ops.bootstrap", "Add a signing key, and remove those no longer needed."),
    Command("import-leads", "ops.import_leads.command", "Import leads from a CSV file through the API, or undo an import."),
    Command("refresh-leads", "ops.refresh_leads", "Bring leads from before up to date, for lists and duplicates."),
    Command("import-fx", "ops.import_fx", "Import the European Central Bank's file of euro rates."),
    Command("export", "ops.transfer", "Write a whole stage to a file of JSON lines."),
    Command("import", "ops.transfer", "Read an exported file into an empty stage."),
    Command("rebuild-projections", "ops.projections", "Rebuild boards, funnels and statistics while the stage is in use."),
    Command("check-projections", "ops.projections", "Compare boards, funnels and statistics with a recount of all items."),
    Command("verify-audit", "ops.trail", "Verify the audit trail's hash chains."),
    Command("erase-subject", "ops.trail", "Erase a subject's personal data from the trail, permanently."),
    Command("redrive", "ops.redrive", "Process again the records that a stream consumer parked."),
    Command("find-gaps", "ops.gaps", "Find what the stream's consumers left open, and close it."),
    Command("openapi", "ops.openapi", "Write the API's description to a file."),
    Command("access-patterns", "ops.access_patterns", "Write the declared access patterns into the documentation."),
    Command("package", "ops.package.cli", "Build the deployable artifact and its template."),
    Command("deploy", "ops.package.cli", "Deploy a stage to AWS."),
)

app = typer.Typer(name="ops", cls=command_group(COMMANDS), no_args_is_help=True, add_completion=False)


@app.callback()
def about() -> None:
    """Operator commands for a stage. Every command takes --stage and --help."""


def main() -> None:
    """The command line."""
    with one_line_errors():
        app(prog_name="python -m ops")


if __name__ == "__main__":
    main()
