"""Machine tokens, grants and the audit log: their reads and writes. Imports tables and nothing above."""
