"""What runs: configuration YAML, expressions, steps, the runner, its journal and the durable engine."""
