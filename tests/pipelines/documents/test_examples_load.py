"""The example files load unchanged, alone or together, and give the values that the rest of the house reads."""

from pathlib import Path

import pytest

from pipelines.documents import Configuration, KnownReferences, load_configuration, parse_pipeline
from pipelines.problems import ConfigurationProblems, ProblemCode
from tests.pipelines.words import NOTHING_KNOWN, VOCABULARY, WITHOUT_SCRIPTS

EXAMPLES = Path(__file__).parents[3] / "examples"
SINGLE = ("kubernetes", "native-helm", "ecs", "asg", "tas")
PRODUCTION = "environment: {identifier: prod, name: Production, type: Production}\n---\n"


def _text(name: str) -> str:
    return (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")


def _load(name: str) -> Configuration:
    return load_configuration(_text(name), VOCABULARY, NOTHING_KNOWN)


@pytest.mark.parametrize("name", SINGLE)
def test_each_example_loads_alone(name: str) -> None:
    configuration = _load(name)
    assert len(configuration.services) == len(configuration.pipelines) == 1
    loaded = configuration.pipelines[0]
    assert parse_pipeline(loaded.source) == loaded.model
    assert loaded.source in _text(name)


def test_all_examples_load_as_one_input() -> None:
    texts = [_text("kubernetes"), *(_text(name).replace(PRODUCTION, "") for name in SINGLE[1:]), _text("shop")]
    for ordered in (texts, texts[::-1]):
        configuration = load_configuration("\n---\n".join(ordered), VOCABULARY, NOTHING_KNOWN)
        assert len(configuration.pipelines) == 6
        assert {loaded.model.identifier for loaded in configuration.environments} == {"prod", "staging"}


def test_freeze_windows_load_over_the_kubernetes_example() -> None:
    windows = load_configuration(f"{_text('freeze')}\n---\n{_text('kubernetes')}", VOCABULARY, NOTHING_KNOWN)
    assert [loaded.model.identifier for loaded in windows.freeze_windows] == ["weekends", "holidays"]


def test_shop_loads_over_what_is_known_already() -> None:
    known = KnownReferences(
        services={
            "web": "Kubernetes",
            "catalog": "NativeHelm",
            "payments": "ECS",
            "search": "Asg",
            "mailer": "TAS",
        },
        environments=frozenset({"prod"}),
        infrastructures={
            ("prod", "prod-cluster"): "Kubernetes",
            ("prod", "prod-helm"): "NativeHelm",
            ("prod", "prod-ecs"): "ECS",
            ("prod", "prod-asg"): "Asg",
            ("prod", "prod-tas"): "TAS",
        },
    )
    pipeline = load_configuration(_text("shop"), VOCABULARY, known).pipelines[0].model
    assert [stage.identifier for stage in pipeline.all_stages] == [
        "web",
        "catalog",
        "payments",
        "search",
        "mailer",
    ]
    assert [len(entry.members) for entry in pipeline.stages] == [1, 2, 1, 1]
    assert pipeline.stage("payments") == pipeline.stages[1].members[1]


def test_shop_alone_names_everything_that_is_missing() -> None:
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(_text("shop"), VOCABULARY, NOTHING_KNOWN)
    assert {problem.code for problem in refusal.value.problems} == {ProblemCode.UNKNOWN_REFERENCE}
    assert len(refusal.value.problems) == 10


def test_values_of_the_kubernetes_example() -> None:
    configuration = _load("kubernetes")
    service = configuration.services[0].model
    assert (service.identifier, service.deployment_type, service.tags) == (
        "web",
        "Kubernetes",
        {"team": "storefront"},
    )
    source = service.primary_source
    assert source is not None
    assert source.spec == {"imagePath": "library/nginx", "tag": "<+pipeline.variables.tag>"}
    (manifest,) = service.manifests
    assert (manifest.type, manifest.spec.store.type) == ("K8sManifest", "Inline")
    assert manifest.spec.store.content is not None
    assert "kind: Deployment" in manifest.spec.store.content
    assert configuration.infrastructures[0].model.spec["releaseName"] == "release-<+INFRA_KEY_SHORT_ID>"
    assert configuration.groups[0].model.env_identifiers == ("staging", "prod")
    assert [loaded.document for loaded in configuration.infrastructures] == [5, 6]
    stage = configuration.pipelines[0].model.all_stages[1]
    announce = stage.spec.execution.rollback_steps[1].step
    assert announce is not None
    assert (announce.type, announce.timeout) == ("ShellScript", 60)


def test_scripts_switched_off_refuse_the_kubernetes_example() -> None:
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(_text("kubernetes"), WITHOUT_SCRIPTS, NOTHING_KNOWN)
    (problem,) = refusal.value.problems
    assert problem.code == ProblemCode.SCRIPTS_DISABLED
    assert str(problem) == (
        "document 7, line 108, column 19, "
        "pipeline.stages[1].stage.spec.execution.rollbackSteps[1].step.type: "
        "ShellScript steps are switched off; remove the step, or have UNSHIP_ALLOW_SCRIPTS=true set"
    )


def test_local_chart_keeps_its_path() -> None:
    chart = _load("native-helm").services[0].model.manifests[0]
    assert (chart.spec.store.type, chart.spec.store.path, chart.spec.store.content) == (
        "Local",
        "./charts/catalog",
        None,
    )
