"""Holdings: what the firm owns, in one currency, on any day."""
