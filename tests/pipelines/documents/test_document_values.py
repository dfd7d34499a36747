"""What is accepted, and the values it becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipelines.documents import KnownReferences, Pipeline, Vocabulary, load_configuration, parse_pipeline
from pipelines.documents.base import BoolOrExpression, Duration, DurationOrExpression, Identifier, IntOrExpression
from pipelines.documents.failure import ActionType, FailureKind, RunsAfter
from pipelines.documents.generic_steps import HttpSpec, ShellScriptSpec, WaitSpec
from pipelines.documents.walk import stages_of, steps_of
from pipelines.problems import ConfigurationProblems, ProblemCode
from tests.pipelines.words import KNOWN, NOTHING_KNOWN, PIPELINE, STAGE, TYPES, VOCABULARY


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("5m", 300),
        ("1h30m", 5_400),
        ("1d", 86_400),
        ("1w", 604_800),
        ("1h 5s", 3_605),
        ("30d", 2_592_000),
    ],
)
def test_durations_become_seconds(text: str, seconds: int) -> None:
    assert TypeAdapter(Duration).validate_python(text) == seconds
    assert TypeAdapter(DurationOrExpression).validate_python(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "5", "m", "5x", "-5m", "1.5h", "0s", "31d", "5m5h", "<+a>", "\u0665m", "1" * 70 + "s"]
)
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@given(st.integers(1, 30 * 86_400))
def test_every_number_of_seconds_can_be_written(seconds: int) -> None:
    minutes, rest = divmod(seconds, 60)
    assert TypeAdapter(Duration).validate_python(f"{minutes}m{rest}s") == seconds
    assert TypeAdapter(Duration).validate_python(seconds) == seconds


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_$-]{0,127}", fullmatch=True))
def test_identifiers(identifier: str) -> None:
    assert TypeAdapter(Identifier).validate_python(identifier) == identifier
    for spoiled in (
        f"{identifier}\n",
        f" {identifier}",
        f"0{identifier}",
        "é" + identifier,
        identifier + "x" * 128,
    ):
        with pytest.raises(ValidationError):
            TypeAdapter(Identifier).validate_python(spoiled)


def test_numbers_and_booleans_or_expressions() -> None:
    number, boolean = TypeAdapter(IntOrExpression), TypeAdapter(BoolOrExpression)
    assert [number.validate_python(text) for text in ("90", "-1", "<+a>", "1<+a>", 7)] == [
        90,
        -1,
        "<+a>",
        "1<+a>",
        7,
    ]
    assert [boolean.validate_python(text) for text in ("true", "no", "<+a>", False)] == [
        True,
        False,
        "<+a>",
        False,
    ]
    for text in ("", "x", "1.5", "1e3", "9" * 30, "٣"):
        with pytest.raises(ValidationError):
            number.validate_python(text)
    for text in ("", "1", "maybe"):
        with pytest.raises(ValidationError):
            boolean.validate_python(text)


def test_expression_is_accepted_where_only_a_run_can_tell_the_value() -> None:
    spec = "{skipDryRun: <+pipeline.variables.dry>, pause: <+matrix.pause>, minimumHealthyPercentage: <+env.name>}"
    text = PIPELINE.replace("K8sRollingDeploy, timeout: 5m, spec: {}", f"K8sRollingDeploy, spec: {spec}")
    step = (
        load_configuration(text, VOCABULARY, KNOWN).pipelines[0].model.all_stages[0].spec.execution.steps[0].step
    )
    assert step is not None
    assert step.spec["skipDryRun"] == "<+pipeline.variables.dry>"
    infrastructure = """\
infrastructureDefinition:
  identifier: place
  name: Place
  environmentRef: prod
  deploymentType: Kubernetes
  type: KubernetesDirect
  spec: {connectorRef: cluster, namespace: <+env.identifier>, releaseName: release-<+INFRA_KEY_SHORT_ID>}
"""
    assert load_configuration(infrastructure, VOCABULARY, KNOWN).infrastructures


def test_references_by_expression_are_left_to_the_run() -> None:
    text = PIPELINE.replace("serviceRef: web", "serviceRef: <+matrix.service>").replace(
        "environmentRef: prod, infrastructureDefinitions: [{identifier: prod-cluster}]",
        "environmentRef: <+matrix.env>, infrastructureDefinitions: [{identifier: <+matrix.place>}]",
    )
    assert load_configuration(text, VOCABULARY, NOTHING_KNOWN).pipelines


CUSTOM = """\
service:
  identifier: lambda
  name: Lambda
  serviceDefinition:
    type: ServerlessAwsLambda
    spec:
      manifests:
        - manifest: {identifier: m, type: ServerlessAwsLambda, spec: {store: {type: Github, spec: {paths: [a]}}}}
---
infrastructureDefinition:
  identifier: prod-lambda
  name: Lambda
  environmentRef: prod
  deploymentType: ServerlessAwsLambda
  type: ServerlessAwsLambda
  spec: {connectorRef: unknown, region: eu-west-1, stage: live}
---
"""
CUSTOM_PIPELINE = (
    PIPELINE.replace("deploymentType: Kubernetes", "deploymentType: ServerlessAwsLambda")
    .replace("serviceRef: web", "serviceRef: lambda")
    .replace("prod-cluster", "prod-lambda")
    .replace("K8sRollingDeploy", "ServerlessAwsLambdaDeploy")
    .replace("K8sRollingRollback", "ServerlessAwsLambdaRollback")
)


def test_foreign_deployment_type_is_kept_as_it_is() -> None:
    configuration = load_configuration(CUSTOM + CUSTOM_PIPELINE, VOCABULARY, KNOWN)
    assert configuration.services[0].model.deployment_type == "ServerlessAwsLambda"
    assert configuration.infrastructures[0].model.spec["region"] == "eu-west-1"
    assert configuration.pipelines[0].model.all_stages[0].spec.deployment_type == "ServerlessAwsLambda"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (
            "type: ServerlessAwsLambdaDeploy, timeout: 5m, spec: {}",
            "type: Wait, spec: {}",
            ProblemCode.MISSING_KEY,
        ),
        ("ServerlessAwsLambdaDeploy", "ShellScrip", ProblemCode.UNSUPPORTED_STEP),
        ("ServerlessAwsLambdaDeploy", "K8sRollingDeploy", ProblemCode.UNSUPPORTED_STEP),
        ("serviceRef: lambda", "serviceRef: web", ProblemCode.MISMATCHED_REFERENCE),
    ],
)
def test_generic_steps_of_a_foreign_deployment_type_are_checked(old: str, new: str, code: ProblemCode) -> None:
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(CUSTOM + CUSTOM_PIPELINE.replace(old, new), VOCABULARY, KNOWN)
    assert [problem.code for problem in refusal.value.problems] == [code]


def test_custom_stage_takes_generic_steps_only() -> None:
    text = """\
pipeline:
  identifier: gate
  name: Gate
  stages:
    - stage:
        identifier: wait
        name: Wait
        type: Custom
        spec: {execution: {steps: [step: {identifier: a, name: A, type: Wait, spec: {duration: 5s}}]}}
"""
    assert (
        load_configuration(text, VOCABULARY, NOTHING_KNOWN).pipelines[0].model.all_stages[0].spec.service is None
    )
    with pytest.raises(ConfigurationProblems, match="belongs to Kubernetes, not to a Custom stage"):
        load_configuration(text.replace("Wait, spec: {duration: 5s}", "K8sScale"), VOCABULARY, NOTHING_KNOWN)
    with pytest.raises(ConfigurationProblems, match="is not supported"):
        load_configuration(text.replace("type: Wait, spec", "type: Approve, spec"), VOCABULARY, NOTHING_KNOWN)


def test_whole_format_of_a_stage() -> None:
    head, tail = PIPELINE.split("        type: Deployment\n")
    text = (
        head
        + """\
        type: Deployment
        description: All of it
        tags: {team: a}
        timeout: 1h
        when: {pipelineStatus: All, condition: <+pipeline.variables.go> == "yes"}
        variables: [{name: colour, type: String, value: blue}, {name: key, type: Secret, value: db}]
        strategy:
          matrix:
            zone: [a, b]
            size: ["1", "2"]
            exclude: [{zone: b, size: "2"}]
            maxConcurrency: 2
        failureStrategies:
          - onFailure:
              errors: [Timeout, AllErrors]
              action:
                type: Retry
                spec:
                  retryCount: 3
                  retryIntervals: [1s, 1m]
                  onRetryFailure: {action: {type: StageRollback}}
"""
        + tail
    )
    stage = load_configuration(text, VOCABULARY, KNOWN).pipelines[0].model.all_stages[0]
    assert (stage.timeout, stage.when.pipeline_status, stage.tags) == (3_600, RunsAfter.ALL, {"team": "a"})
    assert [(variable.name, variable.type, variable.value) for variable in stage.variables] == [
        ("colour", "String", "blue"),
        ("key", "Secret", "db"),
    ]
    assert stage.strategy is not None
    matrix = stage.strategy.matrix
    assert matrix.max_concurrency == 2
    assert matrix.combinations() == (
        {"zone": "a", "size": "1"},
        {"zone": "a", "size": "2"},
        {"zone": "b", "size": "1"},
    )
    failure = stage.failure_strategies[0].on_failure
    assert failure.errors == (FailureKind.TIMEOUT, FailureKind.ALL_ERRORS)
    retry = failure.action.spec
    assert retry is not None
    assert (retry.retry_count, retry.retry_intervals) == (3, (1, 60))
    assert retry.on_retry_failure is not None
    assert retry.on_retry_failure.action.type is ActionType.STAGE_ROLLBACK


@pytest.mark.parametrize(
    "matrix",
    [
        "{}",
        "{a: []}",
        "{a: x}",
        "{a: [x], exclude: [{b: x}]}",
        f"{{a: [{'x,' * 257}]}}",
        "{maxConcurrency: 1}",
        "{a: [x], maxConcurrency: 0}",
        "{a: [x], maxConcurrency: <+pipeline.variables.n>}",
        "{a: [x], exclude: [{a: x}]}",
        "{0a: [x]}",
    ],
)
def test_matrix_that_makes_no_sense_is_refused(matrix: str) -> None:
    text = PIPELINE.replace(
        "        type: Deployment\n", f"        type: Deployment\n        strategy: {{matrix: {matrix}}}\n"
    )
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(text, VOCABULARY, KNOWN)
    assert {problem.line for problem in refusal.value.problems} == {9}


@pytest.mark.parametrize(
    "action",
    [
        "{type: Retry}",
        "{type: Retry, spec: {retryCount: 0}}",
        "{type: Retry, spec: {retryCount: 101}}",
        "{type: Retry, spec: {onRetryFailure: {action: {type: Retry, spec: {retryCount: 2}}}}}",
        "{type: Ignore, spec: {retryCount: 2}}",
        "{type: Panic}",
        "{}",
    ],
)
def test_failure_strategy_that_makes_no_sense_is_refused(action: str) -> None:
    strategy = f"failureStrategies: [{{onFailure: {{errors: [AllErrors], action: {action}}}}}]"
    with pytest.raises(ConfigurationProblems):
        load_configuration(PIPELINE.replace("name: Web\n", f"name: Web\n  {strategy}\n"), VOCABULARY, KNOWN)


def test_groups_and_parallel_steps_are_walked_with_their_paths() -> None:
    step = "step: {{identifier: {0}, name: {0}, type: Wait, spec: {{duration: 1s}}}}"
    steps = "[{}, stepGroup: {{identifier: g, name: G, steps: [{}, parallel: [{}, {}]]}}]".format(
        *(step.format(name) for name in "abcd")
    )
    stage_text = f"stage: {{identifier: s, name: S, type: Custom, spec: {{execution: {{steps: {steps}}}}}}}"
    text = f"pipeline: {{identifier: p, name: P, stages: [{stage_text}]}}"
    ((path, stage),) = stages_of(parse_pipeline(text), ("pipeline",))
    assert path == ("pipeline", "stages", 0, "stage")
    walked = [(path, found.identifier) for path, found in steps_of(stage.spec.execution.steps, ())]
    assert walked == [
        ((0, "step"), "a"),
        ((1, "stepGroup"), "g"),
        ((1, "stepGroup", "steps", 0, "step"), "b"),
        ((1, "stepGroup", "steps", 1, "parallel", 0, "step"), "c"),
        ((1, "stepGroup", "steps", 1, "parallel", 1, "step"), "d"),
    ]


def test_generic_step_specs() -> None:
    script = ShellScriptSpec.model_validate(
        {
            "shell": "Sh",
            "onDelegate": "true",
            "source": {"type": "Inline", "spec": {"script": "true"}},
            "environmentVariables": [{"name": "A", "type": "String", "value": "<+env.name>"}],
            "outputVariables": [{"name": "out", "type": "String", "value": "OUT"}, {"name": "plain"}],
        }
    )
    assert [variable.source for variable in script.output_variables] == ["OUT", "plain"]
    assert HttpSpec.model_validate({"url": "<+env.variables.url>/x", "method": "POST"}).method == "POST"
    assert WaitSpec.model_validate({"duration": "1m"}).duration == 60
    assert WaitSpec.model_validate({"duration": "<+env.variables.pause>"}).duration == "<+env.variables.pause>"


@pytest.mark.parametrize(
    ("model", "spec"),
    [
        (ShellScriptSpec, {}),
        (ShellScriptSpec, {"source": {"spec": {"script": "x"}}, "shell": "Python"}),
        (
            ShellScriptSpec,
            {"source": {"spec": {"script": "x"}}, "environmentVariables": [{"name": "UNSHIP_VALUE_1"}]},
        ),
        (ShellScriptSpec, {"source": {"spec": {"script": "x"}}, "environmentVariables": [{"name": "A B"}]}),
        (
            ShellScriptSpec,
            {"source": {"spec": {"script": "x"}}, "outputVariables": [{"name": "a", "value": "$(b)"}]},
        ),
        (HttpSpec, {"url": "file:///etc/passwd"}),
        (HttpSpec, {"url": "http://x", "method": "TRACE"}),
        (HttpSpec, {"url": "http://x", "headers": [{"key": "a\r\nb"}]}),
        (WaitSpec, {"duration": "soon"}),
    ],
)
def test_generic_step_specs_refuse(
    model: type[ShellScriptSpec | HttpSpec | WaitSpec], spec: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(spec)


def test_keys_of_the_reference_that_mean_nothing_here_are_accepted() -> None:
    text = PIPELINE.replace("name: Web\n", "name: Web\n  projectIdentifier: p\n  orgIdentifier: o\n  tags: {}\n")
    assert load_configuration(text, VOCABULARY, KNOWN).pipelines


def test_frozen_pipeline_is_read_without_references_or_known_steps() -> None:
    pipeline = parse_pipeline(
        PIPELINE.replace("K8sRollingDeploy", "GoneStep").replace("serviceRef: web", "serviceRef: gone")
    )
    assert isinstance(pipeline, Pipeline)
    assert pipeline.stage("production") is not None
    assert pipeline.stage("other") is None
    with pytest.raises(ValidationError):
        pipeline.name = "changed"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "text", [f"{PIPELINE}---\n{PIPELINE}", "environment: {}", "", "pipeline: {identifier: a}", "[x"]
)
def test_other_text_is_no_frozen_pipeline(text: str) -> None:
    with pytest.raises(ConfigurationProblems):
        parse_pipeline(text)


def test_same_infrastructure_identifier_in_two_environments() -> None:
    document = """\
infrastructureDefinition:
  identifier: cluster
  name: Cluster
  environmentRef: {0}
  deploymentType: Kubernetes
  type: KubernetesDirect
  spec: {{connectorRef: cluster, namespace: web, releaseName: web}}
"""
    both = document.format("prod") + "---\n" + document.format("staging")
    assert len(load_configuration(both, VOCABULARY, KNOWN).infrastructures) == 2


def test_connectors_are_checked_only_where_they_are_known() -> None:
    document = """\
infrastructureDefinition:
  identifier: cluster
  name: Cluster
  environmentRef: prod
  deploymentType: Kubernetes
  type: KubernetesDirect
  spec: {connectorRef: other, namespace: web, releaseName: web}
"""
    assert load_configuration(document, VOCABULARY, KnownReferences(environments=frozenset({"prod"})))
    with pytest.raises(ConfigurationProblems):
        load_configuration(document, VOCABULARY, KNOWN)


def test_roots_that_a_platform_adds_are_no_misspellings() -> None:
    text = PIPELINE.replace("name: Web", "name: <+pipelines>")
    with pytest.raises(ConfigurationProblems):
        load_configuration(text, VOCABULARY, KNOWN)
    assert load_configuration(text, Vocabulary(TYPES, expression_roots=frozenset({"pipelines"})), KNOWN)
    assert load_configuration(PIPELINE.replace("name: Web", "name: <+targetGroupArn>"), VOCABULARY, KNOWN)


def test_two_hundred_and_fifty_stages_load() -> None:
    stages = "".join(STAGE.replace("identifier: production", f"identifier: s{n}") for n in range(250))
    pipeline = load_configuration(PIPELINE.replace(STAGE, stages), VOCABULARY, KNOWN).pipelines[0].model
    assert len(pipeline.all_stages) == 250
