"""Payments in two colours behind a load balancer of the AWS world, as the contract sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from providers.values import Release
from tests.providers.ecs.platform import CLUSTER, SERVED, SERVICE, TASK, EcsPlatform
from tests.sandbox.aws_clients import Client, client

COLOURS = (f"{SERVICE}__1", f"{SERVICE}__2")
BALANCED = (
    SERVED
    + """
loadBalancers: [{targetGroupArn: <+targetGroupArn>, containerName: payments, containerPort: 8080}]
healthCheckGracePeriodSeconds: 30
"""
)


class BlueGreenPlatform(EcsPlatform):
    """Payments, blue/green: production by a rule of one listener, stage by the default actions of another."""

    served = BALANCED

    def __init__(self, directory: Path, *, tick: float = 0.005, scaled: bool = False) -> None:
        super().__init__(directory, tick=tick, scaled=scaled)

    def choose_steps(self) -> None:
        elb = self.balancing = client(self.world, "elbv2")
        self.balancer = elb.create_load_balancer(Name="shop")["LoadBalancers"][0]["LoadBalancerArn"]
        self.groups = [
            elb.create_target_group(Name=name, Port=8080, Protocol="HTTP", VpcId="vpc-1", TargetType="ip")[
                "TargetGroups"
            ][0]["TargetGroupArn"]
            for name in ("payments-a", "payments-b")
        ]
        self.listeners = [self._listener(elb, 80, self.groups[0]), self._listener(elb, 8080, self.groups[1])]
        self.rule = elb.create_rule(
            ListenerArn=self.listeners[0],
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/pay/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}],
        )["Rules"][0]["RuleArn"]
        self.deploy_steps = (
            self.spec(
                "EcsBlueGreenCreateService",
                loadBalancer="shop",
                prodListener=self.listeners[0],
                prodListenerRuleArn=self.rule,
                stageListener=self.listeners[1],
            ),
            self.spec("EcsBlueGreenSwapTargetGroups"),
        )
        self.rollback_steps = (self.spec("EcsBlueGreenRollback"),)

    def _listener(self, elb: Client, port: int, group: str) -> str:
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        return elb.create_listener(
            LoadBalancerArn=self.balancer, Port=port, Protocol="HTTP", DefaultActions=actions
        )["Listeners"][0]["ListenerArn"]

    def routes(self) -> dict[str, Any]:
        """The target groups that production and stage lead to."""
        routing = self.world.load_balancing.routing

        def read() -> dict[str, Any]:
            rule = routing.rules[self.listeners[0]][self.rule]
            return {
                "prod": rule["Actions"][0]["TargetGroupArn"],
                "stage": routing.listeners[self.listeners[1]]["DefaultActions"][0]["TargetGroupArn"],
            }

        return self.world.look(read)

    def serving(self) -> str:
        """The name of the service with the production traffic."""
        prod = self.routes()["prod"]
        for name in COLOURS:
            found = self.described(name)
            if found is not None and found["loadBalancers"][0]["targetGroupArn"] == prod:
                return name
        raise AssertionError("nothing serves")

    def fingerprint(self) -> object:
        return super().fingerprint(), json.dumps(self.routes())

    def state(self) -> object:
        return [self.service_state(name) for name in COLOURS], self.routes(), sorted(self.running())

    def change_by_hand(self) -> None:
        self.client.update_service(
            cluster=CLUSTER, service=self.serving(), taskDefinition=self.registered_by_hand()
        )

    def close_the_way(self) -> None:
        for name in COLOURS:
            found = self.described(name)
            if found is not None and not found["desiredCount"]:
                self.client.delete_service(cluster=CLUSTER, service=name)
                self.client.deregister_task_definition(taskDefinition=found["taskDefinition"])

    def of_colours(self, version: str, count: int) -> Release:
        """A release with another count."""
        served = BALANCED.replace("desiredCount: 3", f"desiredCount: {count}")
        return self.of_manifests(TASK.format(version=version), served, version)
