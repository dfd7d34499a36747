"""Providers against the sandbox worlds: one contract for all platforms, and what each platform adds to it."""
