"""The mutations: one file each, which checks, acts and returns."""
