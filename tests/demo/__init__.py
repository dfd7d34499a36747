"""The demonstration, as a stranger runs it."""
