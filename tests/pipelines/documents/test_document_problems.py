"""Every mistake is refused with its code, its place and a remedy: golden messages."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.documents import Vocabulary, load_configuration
from pipelines.problems import ConfigurationProblems, ProblemCode
from providers.connectors import Connectors
from providers.registry import Registry
from tests.pipelines.words import KNOWN, PIPELINE, VOCABULARY, WITHOUT_SCRIPTS

REAL = Vocabulary.of(Registry(Connectors()), allow_scripts=True)
STEP = "step: {identifier: rollout, name: Rollout, type: K8sRollingDeploy, timeout: 5m, spec: {}}"
BACK = "step: {identifier: back, name: Back, type: K8sRollingRollback, timeout: 5m, spec: {}}"
ENVIRONMENT = "environment: {identifier: qa, name: QA, type: PreProduction}"
INFRASTRUCTURE = """\
infrastructureDefinition:
  identifier: place
  name: Place
  environmentRef: prod
  deploymentType: Kubernetes
  type: KubernetesDirect
  spec: {connectorRef: cluster, namespace: web, releaseName: web}
"""
SERVICE = """\
service:
  identifier: shop
  name: Shop
  serviceDefinition:
    type: Kubernetes
    spec:
      artifacts:
        primary:
          primaryArtifactRef: nginx
          sources:
            - {identifier: nginx, type: DockerRegistry, spec: {imagePath: nginx, tag: "1"}}
      manifests:
        - manifest:
            identifier: web
            type: K8sManifest
            spec: {store: {type: Inline, spec: {content: "kind: Service"}}}
"""
FREEZE = """\
freezeWindow:
  identifier: weekend
  name: Weekend
  environments: [prod]
  recurring: {cron: 0 18 * * FRI, duration: 62h, timeZone: Europe/Berlin}
"""
HOLIDAYS = """\
freezeWindow:
  identifier: holidays
  name: Holidays
  environmentGroups: [live]
  once: {start: "2026-12-23T18:00:00+01:00", end: "2027-01-04T08:00:00+01:00"}
"""


def problems_of(text: str, vocabulary: Vocabulary = VOCABULARY) -> Sequence[tuple[ProblemCode, str]]:
    """The codes and full texts of what is wrong with the input."""
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(text, vocabulary, KNOWN)
    return [(problem.code, str(problem)) for problem in refusal.value.problems]


def test_the_unspoiled_inputs_load() -> None:
    for text in (PIPELINE, ENVIRONMENT, INFRASTRUCTURE, SERVICE, FREEZE, HOLIDAYS):
        load_configuration(text, VOCABULARY, KNOWN)


MISTAKES = {
    "unknown key": PIPELINE.replace("          service:", "          servce:"),
    "unknown key of a step": PIPELINE.replace(
        "timeout: 5m, spec: {}}\n            rollback", "timout: 5m, spec: {}}\n            rollback"
    ),
    "unknown key of a step's spec": PIPELINE.replace(
        "K8sRollingDeploy, timeout: 5m, spec: {}",
        "K8sRollingDeploy, spec: {skipDryrun: no}",
    ),
    "unknown document": "srvice: {identifier: a}",
    "snake case": INFRASTRUCTURE.replace("environmentRef", "environment_ref"),
    "missing key": ENVIRONMENT.replace("name: QA, ", ""),
    "empty value": ENVIRONMENT.replace("QA", "~"),
    "missing deployment type": PIPELINE.replace("          deploymentType: Kubernetes\n", ""),
    "text for a mapping": PIPELINE.replace("{serviceRef: web}", "web"),
    "mapping for a list": PIPELINE.replace("[{identifier: prod-cluster}]", "{identifier: prod-cluster}"),
    "list for text": ENVIRONMENT.replace("QA", "[QA]"),
    "document as text": "service: web",
    "word that is none of the choices": ENVIRONMENT.replace("PreProduction", "Preproduction"),
    "identifier": ENVIRONMENT.replace("identifier: qa", "identifier: q a"),
    "duration": PIPELINE.replace("timeout: 5m", "timeout: 5 minutes", 1),
    "step and group in one item": PIPELINE.replace(
        f"- {STEP}",
        f"- {STEP}\n                parallel: [{{{BACK}}}]",
    ),
    "two infrastructures": PIPELINE.replace(
        "[{identifier: prod-cluster}]",
        "[{identifier: prod-cluster}, {identifier: b}]",
    ),
    "two things in one document": f"{ENVIRONMENT}\n{PIPELINE}",
    "unsupported step": PIPELINE.replace("K8sRollingDeploy", "K8sRolingDeploy"),
    "step of another platform": PIPELINE.replace("K8sRollingDeploy", "EcsRollingDeploy"),
    "misspelt deployment type": PIPELINE.replace("deploymentType: Kubernetes", "deploymentType: kubernetes"),
    "infrastructure of another platform": INFRASTRUCTURE.replace("KubernetesDirect", "ECS"),
    "infrastructure's spec": INFRASTRUCTURE.replace("namespace: web", "namespaces: web"),
    "infrastructure's value": INFRASTRUCTURE.replace("releaseName: web", f"releaseName: {'w' * 21}"),
    "manifest type": SERVICE.replace("K8sManifest", "K8Manifest"),
    "store": SERVICE.replace('type: Inline, spec: {content: "kind: Service"}', "type: Github, spec: {repo: x}"),
    "store that leads upwards": SERVICE.replace(
        'type: Inline, spec: {content: "kind: Service"}',
        "type: Local, spec: {path: ../../etc}",
    ),
    "artifact reference": SERVICE.replace("primaryArtifactRef: nginx", "primaryArtifactRef: ngnix"),
    "expression": PIPELINE.replace("name: Web", "name: Web <+pipeline.name"),
    "misspelt root of an expression": INFRASTRUCTURE.replace("releaseName: web", "releaseName: <+pipline.name>"),
    "condition": PIPELINE.replace(
        "type: Deployment", "type: Deployment\n        when: {condition: <+env.type> = Production}"
    ),
    "script": PIPELINE.replace(
        "type: K8sRollingDeploy, timeout: 5m, spec: {}",
        'type: ShellScript, spec: {source: {type: Inline, spec: {script: "eval <+pipeline.name>"}}}',
    ),
    "stage rollback in rollback steps": PIPELINE.replace(
        BACK,
        BACK[:-1] + ", failureStrategies: [{onFailure: {errors: [AllErrors], action: {type: Retry, spec: "
        "{retryCount: 2, retryIntervals: [1s], onRetryFailure: {action: {type: StageRollback}}}}}}]}",
    ),
    "second step of that name": PIPELINE.replace(
        f"- {STEP}",
        f"- {STEP}\n              - stepGroup: {{identifier: g, name: G, steps: [parallel: [{STEP}]]}}",
    ),
    "second environment of that name": f"{ENVIRONMENT}\n---\n{ENVIRONMENT}",
    "unknown service": PIPELINE.replace("serviceRef: web", "serviceRef: wbe"),
    "unknown environment": INFRASTRUCTURE.replace("environmentRef: prod", "environmentRef: prd"),
    "unknown infrastructure": PIPELINE.replace("identifier: prod-cluster", "identifier: prod-clusters"),
    "unknown connector": INFRASTRUCTURE.replace("connectorRef: cluster", "connectorRef: clster"),
    "unknown member of a group": "environmentGroup: {identifier: g, name: G, envIdentifiers: [prod, stging]}",
    "freeze window without a time": FREEZE.replace("recurring", "#"),
    "freeze window with two times": FREEZE + HOLIDAYS.splitlines()[-1],
    "freeze window that covers nothing": FREEZE.replace("[prod]", "[]"),
    "freeze window of an unknown environment": FREEZE.replace("[prod]", "[staging, prd]"),
    "freeze window of an unknown group": HOLIDAYS.replace("[live]", "[lives]"),
    "freeze window that names one twice": FREEZE.replace("[prod]", "[prod, staging, prod]"),
    "freeze window without an offset": HOLIDAYS.replace("+01:00", "", 1),
    "freeze window at no time": HOLIDAYS.replace("2026-12-23T", "23.12.2026 "),
    "freeze window that ends before it starts": HOLIDAYS.replace("2027", "2026"),
    "freeze window with seconds": FREEZE.replace("0 18", "0 0 18"),
    "freeze window with a word": FREEZE.replace("0 18 * * FRI", '"@weekly"'),
    "freeze window at random": FREEZE.replace("0 18", "R R"),
    "freeze window at an hour that is none": FREEZE.replace("0 18", "0 25"),
    "freeze window on a day that never is": FREEZE.replace("0 18 * * FRI", "0 0 30 2 *"),
    "freeze window in an unknown time zone": FREEZE.replace("Berlin", "Berln"),
    "freeze window in a directory": FREEZE.replace("Europe/Berlin", "../Europe/Berlin"),
    "freeze window without a time zone": FREEZE.replace(", timeZone: Europe/Berlin", ""),
    "infrastructure of another environment": PIPELINE.replace(
        "identifier: prod-cluster",
        "identifier: staging-cluster",
    ),
    "infrastructure of another type": PIPELINE.replace("identifier: prod-cluster", "identifier: prod-ecs"),
    "service of another type": PIPELINE.replace("serviceRef: web", "serviceRef: payments"),
    "misspelt deployment type of an infrastructure that a stage deploys to": INFRASTRUCTURE.replace(
        "deploymentType: Kubernetes", "deploymentType: Kubernets"
    )
    + f"---\n{PIPELINE.replace('prod-cluster', 'place')}",
    "infrastructure without a deployment type that a stage deploys to": INFRASTRUCTURE.replace(
        "  deploymentType: Kubernetes\n", ""
    )
    + f"---\n{PIPELINE.replace('prod-cluster', 'place')}",
    "misspelt deployment type of a service that a stage deploys": SERVICE.replace(
        "type: Kubernetes", "type: Kubernets"
    )
    + f"---\n{PIPELINE.replace('serviceRef: web', 'serviceRef: shop')}",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_its_place_and_nothing_else_is(name: str) -> None:
    found = [f"{code} {text}" for code, text in problems_of(MISTAKES[name])]
    assert found == _golden()[name]


def test_every_golden_message_has_its_mistake() -> None:
    assert list(_golden()) == list(MISTAKES)


def _golden() -> dict[str, list[str]]:
    """The file has the name of each mistake on a line of its own and below it, indented, what is said about it."""
    golden: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "golden_problems.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            golden[list(golden)[-1]].append(line.strip())
        else:
            golden[line] = []
    return golden


def test_mistakes_in_several_documents_are_all_named_in_order() -> None:
    text = "\n---\n".join(
        [
            ENVIRONMENT.replace("QA", "[QA]"),
            PIPELINE.replace("serviceRef: web", "serviceRef: wbe").replace("K8sRollingDeploy", "K8sRolingDeploy"),
            INFRASTRUCTURE.replace("environmentRef: prod", "environmentRef: prd"),
        ]
    )
    assert [code for code, _ in problems_of(text)] == [
        ProblemCode.WRONG_TYPE,
        ProblemCode.UNKNOWN_REFERENCE,
        ProblemCode.UNSUPPORTED_STEP,
        ProblemCode.UNKNOWN_REFERENCE,
    ]


def test_mistake_in_one_document_is_no_unknown_reference_in_another() -> None:
    spoiled = SERVICE.replace("name: Shop", "nme: Shop")
    using = PIPELINE.replace("serviceRef: web", "serviceRef: shop")
    assert [code for code, _ in problems_of(f"{spoiled}\n---\n{using}")] == [ProblemCode.UNKNOWN_KEY]


def test_message_of_the_exception_lists_ten_and_counts_the_rest() -> None:
    text = PIPELINE + "".join(f"  x{n}: 1\n" for n in range(13))
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(text, VOCABULARY, KNOWN)
    lines = str(refusal.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 3 more"


@pytest.mark.parametrize(
    ("step_type", "spec"),
    [
        ("ShellScript", '{source: {type: Inline, spec: {script: "true"}}}'),
        ("Http", "{url: http://localhost, method: GET}"),
    ],
)
def test_scripts_and_requests_need_the_operators_permission(step_type: str, spec: str) -> None:
    text = PIPELINE.replace("type: K8sRollingDeploy, timeout: 5m, spec: {}", f"type: {step_type}, spec: {spec}")
    load_configuration(text, VOCABULARY, KNOWN)
    assert [code for code, _ in problems_of(text, WITHOUT_SCRIPTS)] == [ProblemCode.SCRIPTS_DISABLED]


@pytest.mark.parametrize(
    ("step_type", "key", "spec", "said"),
    [
        ("K8sCanaryDeploy", "instanceSelection", "{type: Percentage, spec: {percentage: 300}}", "less"),
        ("K8sCanaryDeploy", "instanceSelection", "{type: Percentage, spec: {percentage: 0}}", "greater"),
        ("K8sCanaryDeploy", "instanceSelection", "{type: Percentage, spec: {percentage: -5}}", "greater"),
        ("K8sCanaryDeploy", "instanceSelection", "{type: Count, spec: {count: 0}}", "greater"),
        ("AsgCanaryDeploy", "instanceSelection", "{type: Count, spec: {count: 0}}", "greater"),
        ("AppResize", "newAppInstances", "{type: Percentage, spec: {value: 300}}", "less"),
        ("AppResize", "newAppInstances", "{type: Count, spec: {value: 0}}", "greater"),
    ],
)
def test_share_of_instances_that_cannot_be_is_refused_at_its_very_key(
    step_type: str, key: str, spec: str, said: str
) -> None:
    step = f"type: {step_type}, timeout: 5m, spec: {{{key}: {spec}}}"
    text = PIPELINE.replace("type: K8sRollingDeploy, timeout: 5m, spec: {}", step)
    found = [said for code, said in problems_of(text, REAL) if code is ProblemCode.INVALID_VALUE]
    last = re.findall(r"(\w+): [-\d]", spec)[0]
    line = next(number for number, line in enumerate(text.splitlines(), 1) if last in line)
    column = text.splitlines()[line - 1].index(f"{last}:") + 1
    path = f"pipeline.stages[0].stage.spec.execution.steps[0].step.spec.{key}.spec.{last}"
    assert [one.partition(": ")[0] for one in found] == [f"document 1, line {line}, column {column}, {path}"]
    assert f"input should be {said}" in found[0]
