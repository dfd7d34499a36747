"""The platforms: one package per platform behind the small interface of `providers.interface`.

Nothing here knows database rows, GraphQL or pipelines.
"""
