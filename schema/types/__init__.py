"""The GraphQL types, each with `of(row)`."""
