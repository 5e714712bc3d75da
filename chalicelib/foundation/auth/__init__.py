"""C: who calls and what they may do: users, roles, permissions, tokens, API keys."""
