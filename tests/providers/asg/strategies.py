"""The service with a canary, and in two colours."""

from __future__ import annotations

from typing import Any

from tests.providers.asg.platform import NAME, AsgPlatform


class AsgCanaryPlatform(AsgPlatform):
    """One instance of the new version first, then all of them."""

    fewest_announced = 2

    def prepare(self) -> None:
        self.deploy_steps = (
            self.spec("AsgCanaryDeploy", instanceSelection={"type": "Count", "spec": {"count": 1}}),
            self.spec("AsgCanaryDelete"),
            self.spec("AsgRollingDeploy", maximumHealthyPercentage=150),
        )
        self.rollback_steps = (self.spec("AsgCanaryDelete"), self.spec("AsgRollingRollback"))


class AsgBlueGreenPlatform(AsgPlatform):
    """Two groups behind a production rule and a stage listener."""

    fewest_announced = 3

    def prepare(self) -> None:
        groups = [
            self.by_hand("elbv2", "CreateTargetGroup", Name=name, Protocol="HTTP", Port=80)["TargetGroups"][0]
            for name in ("search-a", "search-b")
        ]
        first, second = (group["TargetGroupArn"] for group in groups)
        made = self.by_hand("elbv2", "CreateLoadBalancer", Name=NAME)
        balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        prod, stage = self.listener(balancer, 80, first), self.listener(balancer, 8080, second)
        condition = {"Field": "path-pattern", "Values": ["/search*"]}
        rule = self.by_hand(
            "elbv2",
            "CreateRule",
            ListenerArn=prod,
            Priority=1,
            Conditions=[condition],
            Actions=[{"Type": "forward", "TargetGroupArn": first}],
        )
        self.balancer = {
            "loadBalancer": balancer,
            "prodListener": prod,
            "prodListenerRuleArn": rule["Rules"][0]["RuleArn"],
            "stageListener": stage,
        }
        self.deploy_steps = (
            self.spec("AsgBlueGreenDeploy", loadBalancers=[self.balancer]),
            self.spec("AsgBlueGreenSwapService", downsizeOldAsg=True),
        )
        self.rollback_steps = (self.spec("AsgBlueGreenRollback"),)

    def listener(self, balancer: str, port: int, group: str) -> str:
        """A listener whose default is a target group."""
        made: Any = self.by_hand(
            "elbv2",
            "CreateListener",
            LoadBalancerArn=balancer,
            Port=port,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return made["Listeners"][0]["ListenerArn"]

    def serving(self) -> list[str]:
        shown = self.groups()
        return [
            name for name, group in shown.items() if group["tags"].get("BG_VERSION", {}).get("Value") == "BLUE"
        ]
