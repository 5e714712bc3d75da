"""The Lambda functions behind the table's stream and the outbox queue. Lambda imports their modules, not app.py."""
