"""One server that authorizes, with a history in two environments, and callers with every kind of right.

`mine` is a pre-production environment, `zeta` a production one. Whatever stands in the second one, or touches it,
has ZETA in its name, so that it is recognised wherever it should not be.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from db.columns import new_id
from sandbox.kubernetes import KubernetesWorld
from schema.ids import global_id, split_id
from tests.security.books import tamper
from tests.security.callers import JSON, Answer, Client
from tests.security.operator import Operator
from tests.support.shop import Shop
from tests.support.unship import Unship, serving

ZETA = "zeta"
# Each caller with the role of his token and his grants; `late` had grants until yesterday.
CALLERS: dict[str, tuple[str, dict[str, str]]] = {
    "nobody": ("none", {}),
    "guest": ("none", {"mine": "viewer"}),
    "helper": ("none", {"mine": "deployer"}),
    "late": ("none", {"mine": "deployer", ZETA: "deployer"}),
    "viewer": ("viewer", {}),
    "deployer": ("deployer", {}),
    "oncall": ("viewer", {ZETA: "deployer"}),
    "auditor": ("auditor", {}),
    "admin": ("admin", {}),
}
# The pipelines with the environments they deploy to.
PIPELINES = {"own": ("mine",), "zeta-both": ("mine", ZETA), "zeta-only": (ZETA,)}


@dataclass
class Premises:
    unship: Unship
    world: KubernetesWorld
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    executions: dict[str, str] = field(default_factory=dict[str, str])
    approvals: dict[str, str] = field(default_factory=dict[str, str])

    def of(self, caller: str) -> Client:
        return Client(self.unship.url, self.unship.client, self.tokens[caller])

    @property
    def operator(self) -> Operator:
        return Operator(self.unship.directory / "data", {"auth": "token"})

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.unship.directory}/data/unship.db"

    def prepare(self) -> None:
        for name, (role, _) in CALLERS.items():
            self.tokens[name] = self.operator.token(name, role)
        applied = self.of("admin").ask(
            "mutation ($yaml: String!) { applyConfiguration(input: {yaml: $yaml}) { userErrors { message } } }",
            yaml=yaml.safe_dump_all(documents(self.world), sort_keys=False),
        )
        assert applied.data == {"applyConfiguration": {"userErrors": []}}
        for name, (_, grants) in CALLERS.items():
            for environment, role in grants.items():
                self.grant(name, role, environment)
        self.tokens["all"] = self.operator.token("all", "deployer")
        self.grant("all", "deployer", ZETA)
        self.executions = {pipeline: self.deploy("all", pipeline, tag) for pipeline, tag in HISTORY}
        for pipeline in ("own", "zeta-only"):
            self.approvals[pipeline] = self.asked_for_approval(pipeline)
        tamper(self.database_url, "UPDATE \"grant\" SET expires_at = '2026-01-01 00:00:00' WHERE subject = 'late'")

    def grant(self, subject: str, role: str, environment: str) -> str:
        """The id of a new grant."""
        arguments = ("--subject", subject, "--role", role, "--environment", environment, "--hours", "1")
        return self.operator.done("grant", *arguments).strip()

    def asked_for_approval(self, pipeline: str) -> str:
        """The id of a request to roll back the latest deployment, whose time is over."""
        (_, execution), identifier = split_id(self.executions[pipeline]) or ("", ""), new_id()
        tamper(
            self.database_url,
            "INSERT INTO rollbackapproval (id, execution_id, stage_ids, plan_hash, status, reason, requested_by, "
            "requested_at, expires_at) SELECT :id, :execution, json_array(id), 'of yesterday', 'PENDING', "
            ":reason, 'somebody', '2026-01-01 00:00:00', '2026-01-01 00:30:00' FROM stage "
            "WHERE execution_id = :execution",
            id=identifier,
            execution=execution,
            reason=f"for {pipeline}",
        )
        return str(global_id("RollbackApproval", identifier))

    def run(self, caller: str, pipeline: str, transport: str = JSON, **more: Any) -> Answer:
        return self.of(caller).ask(
            "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) "
            "{ execution { id } userErrors { code message } } }",
            transport,
            input={"pipelineIdentifier": pipeline, **more},
        )

    def deploy(self, caller: str, pipeline: str, tag: str) -> str:
        payload = self.run(caller, pipeline, variables={"tag": tag}).data["runPipeline"]
        assert payload["userErrors"] == [], payload
        execution: str = payload["execution"]["id"]
        assert self.finish(execution) == "SUCCEEDED"
        return execution

    def finish(self, execution: str) -> str:
        """Follow an execution to its end; returns the status."""
        self.unship.client.headers["authorization"] = f"Bearer {self.tokens['all']}"
        try:
            return self.unship.finish(execution)
        finally:
            del self.unship.client.headers["authorization"]


# In this order, so that the last one of each place is the one named here.
HISTORY = (
    ("zeta-both", "stable-perl"),
    ("zeta-only", "stable-perl"),
    ("own", "stable-perl"),
    ("zeta-both", "stable-bullseye-perl"),
    ("zeta-only", "stable-bullseye-perl"),
    ("own", "stable-bullseye-perl"),
)


def documents(world: KubernetesWorld) -> list[dict[str, Any]]:
    """The example's shop in both environments, and a service that is in the second one alone."""
    service, prod, staging, group, staging_cluster, prod_cluster, pipeline = Shop("shop", world).documents()
    staging["environment"].update(identifier="mine", name="Mine")
    prod["environment"].update(identifier=ZETA, name="Zeta")
    group["environmentGroup"].update(identifier="all", envIdentifiers=["mine", ZETA])
    other_group = {"environmentGroup": {"identifier": "zetas", "name": "Zetas", "envIdentifiers": [ZETA]}}
    places = {"mine": staging_cluster, ZETA: prod_cluster}
    for environment, place in places.items():
        definition = place["infrastructureDefinition"]
        definition.update(
            identifier=f"{environment}-place", name=f"{environment} place", environmentRef=environment
        )
        definition["spec"].update(namespace=f"{environment}-shop")
    hidden_place = yaml.safe_load(yaml.safe_dump(prod_cluster))
    hidden_place["infrastructureDefinition"].update(identifier="zeta-other", name="zeta other")
    hidden_place["infrastructureDefinition"]["spec"]["namespace"] = "zeta-hidden"
    hidden = yaml.safe_load(yaml.safe_dump(service))
    hidden["service"].update(identifier="zeta-hidden", name="Zeta hidden")
    pipelines = [_pipeline(pipeline, name, environments) for name, environments in PIPELINES.items()]
    places_ = [*places.values(), hidden_place]
    return [service, hidden, prod, staging, group, other_group, *places_, *pipelines, *_freeze_windows()]


def freeze_window(identifier: str, enabled: bool = False, **where: list[str]) -> dict[str, Any]:
    """A window that, where it is enabled, always holds."""
    always = {"cron": "* * * * *", "duration": "1h", "timeZone": "UTC"}
    found = {"identifier": identifier, "name": f"Window {identifier}", "enabled": enabled, "recurring": always}
    return {"freezeWindow": found | where}


def _freeze_windows() -> list[dict[str, Any]]:
    """Over all by their group, and over the second environment by itself and by its own group; none holds."""
    return [
        freeze_window("everywhere", environmentGroups=["all"]),
        freeze_window("zeta-hold", environments=[ZETA]),
        freeze_window("zetas-hold", environmentGroups=["zetas"]),
    ]


def _pipeline(example: dict[str, Any], name: str, environments: tuple[str, ...]) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(yaml.safe_dump(example))
    made["pipeline"].update(identifier=name, name=f"Pipeline {name}", stages=[])
    (forward,) = [one for one in example["pipeline"]["stages"] if one["stage"]["identifier"] == "staging"]
    for environment in environments:
        entry = yaml.safe_load(yaml.safe_dump(forward))
        place = "zeta-other" if name == "zeta-only" else f"{environment}-place"
        entry["stage"].update(identifier=f"{environment}_stage", name=f"To {environment}")
        entry["stage"]["spec"]["service"]["serviceRef"] = "zeta-hidden" if name == "zeta-only" else "shop"
        entry["stage"]["spec"]["environment"] = {
            "environmentRef": environment,
            "infrastructureDefinitions": [{"identifier": place}],
        }
        made["pipeline"]["stages"].append(entry)
    return made


@contextmanager
def premises_in(directory: Path, world: KubernetesWorld, connectors: Path) -> Generator[Premises]:
    with serving(directory, connectors=str(connectors), auth="token") as unship:
        made = Premises(unship, world)
        made.prepare()
        yield made
