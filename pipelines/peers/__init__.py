"""Several processes on one PostgreSQL database: who lives, who carries which execution, how they wake each other.

Nothing but the database is between them. The engine uses `peer.py`.
"""
