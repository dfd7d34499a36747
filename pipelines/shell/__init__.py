"""How a shell reads a script: enough to know where a value may stand. Imports nothing else of the project."""
