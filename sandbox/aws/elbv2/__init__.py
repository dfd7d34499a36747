"""Elastic Load Balancing: load balancers, listeners, rules, target groups and the health of targets."""

from sandbox.aws.elbv2.service import LoadBalancing

__all__ = ["LoadBalancing"]
