"""Load balancers, their listeners and the rules of those."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sandbox.aws.elbv2.actions import normal, target_groups
from sandbox.aws.names import Account, hex_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class Routing:
    """Values are as they are described; rules stand under their listener, whose default actions are its last."""

    def __init__(self, account: Account, group_exists: Callable[[str], bool]) -> None:
        self._account = account
        self._group_exists = group_exists
        self.balancers: dict[str, Object] = {}
        self.listeners: dict[str, Object] = {}
        self.rules: dict[str, dict[str, Object]] = {}
        self.handlers: Mapping[str, Handler] = {
            "CreateLoadBalancer": self._create_balancer,
            "DescribeLoadBalancers": self._describe_balancers,
            "DeleteLoadBalancer": self._delete_balancer,
            "CreateListener": self._create_listener,
            "DescribeListeners": self._describe_listeners,
            "ModifyListener": self._modify_listener,
            "DeleteListener": self._delete_listener,
            "CreateRule": self._create_rule,
            "DescribeRules": self._describe_rules,
            "ModifyRule": self._modify_rule,
            "DeleteRule": self._delete_rule,
        }

    def balancers_of(self, group: str) -> list[str]:
        """The load balancers that a listener or a rule lets forward to a target group."""
        return sorted(
            {
                listener["LoadBalancerArn"]
                for arn, listener in self.listeners.items()
                for actions in (
                    listener["DefaultActions"],
                    *(rule["Actions"] for rule in self.rules[arn].values()),
                )
                if group in target_groups(actions)
            }
        )

    def _actions(self, params: Object, key: str) -> list[Object]:
        actions = normal(params[key])
        for group in target_groups(actions):
            if not self._group_exists(group):
                raise AwsError("TargetGroupNotFound", f"Target group '{group}' not found")
        return actions

    def _create_balancer(self, params: Object) -> Object:
        name: str = params["Name"]
        if any(balancer["LoadBalancerName"] == name for balancer in self.balancers.values()):
            raise AwsError("DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists")
        scheme = params.get("Scheme", "internet-facing")
        identity = f"{name}/{hex_id(16)}"
        arn = self._account.arn("elasticloadbalancing", f"loadbalancer/app/{identity}")
        self.balancers[arn] = {
            "LoadBalancerArn": arn,
            "LoadBalancerName": name,
            "DNSName": f"{name}-{hex_id(8)}.{self._account.region}.elb.amazonaws.com",
            "CreatedTime": datetime.now(UTC),
            "Scheme": scheme,
            "VpcId": "vpc-0a1b2c3d",
            "State": {"Code": "active"},
            "Type": params.get("Type", "application"),
            "IpAddressType": params.get("IpAddressType", "ipv4"),
            "SecurityGroups": params.get("SecurityGroups", []),
        }
        return {"LoadBalancers": [self.balancers[arn]]}

    def _describe_balancers(self, params: Object) -> Object:
        arns: list[str] = params.get("LoadBalancerArns", [])
        names: list[str] = params.get("Names", [])
        found = [
            balancer
            for balancer in self.balancers.values()
            if (not arns or balancer["LoadBalancerArn"] in arns)
            and (not names or balancer["LoadBalancerName"] in names)
        ]
        if len(found) < max(len(arns), len(names)):
            raise AwsError("LoadBalancerNotFound", f"Load balancers '{arns or names}' not found")
        pages = page(found, params.get("Marker"), params.get("PageSize", 400), "ValidationError")
        return {"LoadBalancers": pages.items, "NextMarker": pages.next_token}

    def _delete_balancer(self, params: Object) -> Object:
        arn = params["LoadBalancerArn"]
        self.balancers.pop(arn, None)
        for listener in [key for key, value in self.listeners.items() if value["LoadBalancerArn"] == arn]:
            del self.listeners[listener], self.rules[listener]
        return {}

    def _create_listener(self, params: Object) -> Object:
        balancer = params["LoadBalancerArn"]
        if balancer not in self.balancers:
            raise AwsError("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
        port = params.get("Port")
        if any(x["LoadBalancerArn"] == balancer and x["Port"] == port for x in self.listeners.values()):
            raise AwsError("DuplicateListener", "A listener already exists on this port for this load balancer")
        arn = f"{balancer.replace(':loadbalancer/', ':listener/')}/{hex_id(16)}"
        self.listeners[arn] = {
            "ListenerArn": arn,
            "LoadBalancerArn": balancer,
            "Port": port,
            "Protocol": params.get("Protocol", "HTTP"),
            "DefaultActions": self._actions(params, "DefaultActions"),
        }
        self.rules[arn] = {}
        return {"Listeners": [self.listeners[arn]]}

    def _listener(self, arn: str) -> Object:
        if arn not in self.listeners:
            raise AwsError("ListenerNotFound", "The specified listener does not exist.")
        return self.listeners[arn]

    def _describe_listeners(self, params: Object) -> Object:
        arns: list[str] = params.get("ListenerArns", [])
        balancer = params.get("LoadBalancerArn")
        if not arns and balancer not in self.balancers:
            raise AwsError("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
        found = [self._listener(arn) for arn in arns] or [
            listener for listener in self.listeners.values() if listener["LoadBalancerArn"] == balancer
        ]
        pages = page(found, params.get("Marker"), params.get("PageSize", 400), "ValidationError")
        return {"Listeners": pages.items, "NextMarker": pages.next_token}

    def _modify_listener(self, params: Object) -> Object:
        listener = self._listener(params["ListenerArn"])
        changed = {key: params[key] for key in ("Port", "Protocol") if key in params}
        if "DefaultActions" in params:
            changed["DefaultActions"] = self._actions(params, "DefaultActions")
        listener.update(changed)
        return {"Listeners": [listener]}

    def _delete_listener(self, params: Object) -> Object:
        arn = self._listener(params["ListenerArn"])["ListenerArn"]
        del self.listeners[arn], self.rules[arn]
        return {}

    def _create_rule(self, params: Object) -> Object:
        listener = self._listener(params["ListenerArn"])["ListenerArn"]
        priority = str(params["Priority"])
        if any(rule["Priority"] == priority for rule in self.rules[listener].values()):
            raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
        arn = f"{listener.replace(':listener/', ':listener-rule/')}/{hex_id(16)}"
        rule = {
            "RuleArn": arn,
            "Priority": priority,
            "Conditions": params["Conditions"],
            "Actions": self._actions(params, "Actions"),
            "IsDefault": False,
        }
        self.rules[listener][arn] = rule
        return {"Rules": [rule]}

    def _default_rule(self, listener: Object) -> Object:
        return {
            "RuleArn": f"{listener['ListenerArn'].replace(':listener/', ':listener-rule/')}/{'0' * 16}",
            "Priority": "default",
            "Conditions": [],
            "Actions": listener["DefaultActions"],
            "IsDefault": True,
        }

    def _rule(self, arn: str) -> Object:
        for listener, rules in self.rules.items():
            default = self._default_rule(self.listeners[listener])
            if arn in rules or arn == default["RuleArn"]:
                return rules.get(arn, default)
        raise AwsError("RuleNotFound", f"One or more rules not found: {arn}")

    def _describe_rules(self, params: Object) -> Object:
        arns: list[str] = params.get("RuleArns", [])
        if arns:
            found = [self._rule(arn) for arn in arns]
        elif "ListenerArn" in params:
            listener = self._listener(params["ListenerArn"])
            rules = self.rules[listener["ListenerArn"]].values()
            found = [*sorted(rules, key=lambda rule: int(rule["Priority"])), self._default_rule(listener)]
        else:
            raise AwsError("ValidationError", "You must specify either listener rule ARNs or a listener ARN")
        pages = page(found, params.get("Marker"), params.get("PageSize", 400), "ValidationError")
        return {"Rules": pages.items, "NextMarker": pages.next_token}

    def _modify_rule(self, params: Object) -> Object:
        rule = self._rule(params["RuleArn"])
        if rule["IsDefault"]:
            raise AwsError("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be modified")
        changed = {key: params[key] for key in ("Conditions",) if key in params}
        if "Actions" in params:
            changed["Actions"] = self._actions(params, "Actions")
        rule.update(changed)
        return {"Rules": [rule]}

    def _delete_rule(self, params: Object) -> Object:
        rule = self._rule(params["RuleArn"])
        if rule["IsDefault"]:
            raise AwsError("OperationNotPermitted", f"Default rule '{rule['RuleArn']}' cannot be deleted")
        for rules in self.rules.values():
            rules.pop(rule["RuleArn"], None)
        return {}
