"""The client that the platforms on AWS share."""
