"""A region of AWS on a real socket, in its own wire protocols: compute, load balancing and scaling."""

from sandbox.aws.world import AwsWorld

__all__ = ["AwsWorld"]
