"""One request turned into queries and domain calls. Returns rows and domain values, never GraphQL types."""
