"""The history of the database's shape, run by `db.migrate`. Versions never import the application's tables."""
