"""The runner: takes an execution's frozen plan and does it, stage by stage, through a durable engine."""
