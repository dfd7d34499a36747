"""Services of Amazon ECS, as the provider interface has it."""

from providers.ecs.provider import EcsProvider

__all__ = ["EcsProvider"]
