"""What the platforms on AWS share: connectors, clients, errors. Raises only ProviderError subclasses."""
