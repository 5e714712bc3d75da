"""The Lambdas behind the table's stream. Each stands on its own: Lambda imports its module, not app.py."""
