"""ECS against a sandbox AWS."""
