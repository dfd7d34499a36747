"""Machine tokens, grants and the audit log: their reads and writes. Imports tables and nothing above."""

# The subject of a caller without credentials; no token may have it as its name.
ANONYMOUS = "anonymous"
