"""A vocabulary and known references for the tests of configuration, beside those that platforms bring."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pipelines.documents.base import BoolOrExpression, DurationOrExpression, IntOrExpression, Model
from pipelines.documents.vocabulary import DeploymentWords, KnownReferences, Vocabulary
from providers.interface import ManifestType


class Place(BaseModel):
    """Accepts any spec; requires a connector."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")
    connectorRef: str  # noqa: N815 - as the YAML spells it


class Namespace(Model):
    """A strict infrastructure spec, with a bound that an expression cannot meet before it is rendered."""

    connector_ref: str
    namespace: str
    release_name: str = Field(max_length=20)


class Rollout(Model):
    """A strict step spec."""

    skip_dry_run: BoolOrExpression = False
    pause: DurationOrExpression | None = None
    minimum_healthy_percentage: IntOrExpression | None = None


class Options(Model):
    """What may stand beside a store here."""

    values_paths: tuple[str, ...] = ()
    skip_resource_versioning: BoolOrExpression = False


class Repository(Model):
    """A store that the platform reads by itself."""

    connector_ref: str


MANIFESTS = {
    "K8sManifest": ManifestType(Options),
    "HelmChart": ManifestType(Options, {"Http": Repository}, directory_with="Chart.yaml"),
}


def words_of(infrastructure: tuple[str, type[BaseModel]], manifests: str, steps: str) -> DeploymentWords:
    """The words of a deployment type; manifests and steps are separated by spaces."""
    models: Mapping[str, type[BaseModel]] = dict.fromkeys(steps.split(), Rollout)
    return DeploymentWords(
        dict([infrastructure]), {name: MANIFESTS.get(name, ManifestType()) for name in manifests.split()}, models
    )


TYPES = {
    "Kubernetes": words_of(
        ("KubernetesDirect", Namespace), "K8sManifest Values", "K8sRollingDeploy K8sRollingRollback K8sScale"
    ),
    "NativeHelm": words_of(("KubernetesDirect", Namespace), "HelmChart Values", "HelmDeploy HelmRollback"),
    "ECS": words_of(
        ("ECS", Place), "EcsTaskDefinition EcsServiceDefinition", "EcsRollingDeploy EcsRollingRollback"
    ),
    "Asg": words_of(("Asg", Place), "AsgLaunchTemplate AsgConfiguration", "AsgRollingDeploy AsgRollingRollback"),
    "TAS": words_of(("TAS", Place), "TasManifest", "TasRollingDeploy TasRollingRollback"),
}
VOCABULARY = Vocabulary(TYPES, allow_scripts=True)
WITHOUT_SCRIPTS = Vocabulary(TYPES)
NOTHING_KNOWN = KnownReferences()
KNOWN = KnownReferences(
    services={"web": "Kubernetes", "payments": "ECS", "lambda": "ServerlessAwsLambda"},
    environments=frozenset({"prod", "staging"}),
    groups=frozenset({"live"}),
    infrastructures={
        ("prod", "prod-cluster"): "Kubernetes",
        ("staging", "staging-cluster"): "Kubernetes",
        ("prod", "prod-ecs"): "ECS",
    },
    connectors=frozenset({"cluster", "aws", "foundation"}),
)

STAGE = """\
    - stage:
        identifier: production
        name: Production
        type: Deployment
        spec:
          deploymentType: Kubernetes
          service: {serviceRef: web}
          environment: {environmentRef: prod, infrastructureDefinitions: [{identifier: prod-cluster}]}
          execution:
            steps:
              - step: {identifier: rollout, name: Rollout, type: K8sRollingDeploy, timeout: 5m, spec: {}}
            rollbackSteps:
              - step: {identifier: back, name: Back, type: K8sRollingRollback, timeout: 5m, spec: {}}
"""
PIPELINE = f"""\
pipeline:
  identifier: web
  name: Web
  stages:
{STAGE}"""
