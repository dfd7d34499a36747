"""The public contract and nothing else: GraphQL types over rows and domain values. Imports resolvers and below."""
