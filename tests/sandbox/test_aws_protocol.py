"""The AWS world's wire against botocore's own reader and writer, over the operations of its services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from sandbox.aws import AwsWorld
from sandbox.aws.access import AccessKey
from sandbox.aws.protocol import errors
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.models import Model, is_reading, model
from sandbox.aws.protocol.paging import page
from sandbox.aws.protocol.parsing import parse
from sandbox.aws.protocol.serializing import serialize
from sandbox.aws.world import KEY
from sandbox.core.faults import Fault, FaultMode
from sandbox.core.wire import is_list, is_map
from tests.sandbox.aws_clients import client, refusal

SERVICES = ("autoscaling", "ec2", "elbv2", "ecs", "application-autoscaling", "sts")
MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SCALARS: dict[str, Any] = {
    "string": "a <b> & 'c' ü",
    "integer": 7,
    "long": 2**40,
    "float": 1.5,
    "double": 0.25,
    "boolean": True,
    "timestamp": MOMENT,
    "blob": b"\x00\xff",
}


def operations(service: Model) -> list[str]:
    """All of a service; of the hundreds that EC2 has, those near to what the world does."""
    near = ("LaunchTemplate", "RunInstances", "DescribeInstances", "TerminateInstances", "Images", "Tags")
    return [name for name in service.operations if service.name != "ec2" or any(word in name for word in near)]


def sample(service: Model, shape: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
    """A value with every member of the shape set, but for what contains itself."""
    name_of_shape = shape.get("shape", "")
    inside = (*above, name_of_shape)
    match shape["type"]:
        case "structure":
            members = {name: service.resolve(reference) for name, reference in shape["members"].items()}
            return {
                name: sample(service, member, inside)
                for name, member in members.items()
                if member["shape"] not in inside
            }
        case "list":
            return [sample(service, service.resolve(shape["member"]), inside)] * 2
        case "map":
            key, value = service.resolve(shape["key"]), service.resolve(shape["value"])
            return {sample(service, key): sample(service, value, inside)}
        case kind:
            return shape["enum"][0] if "enum" in shape else SCALARS[kind]


def without_nothing(value: Any) -> Any:
    """What the wire can tell apart: XML and forms have no empty structures."""
    if is_map(value):
        found = {key: without_nothing(inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner not in ({}, [])}
    if is_list(value):
        return [inner for inner in map(without_nothing, value) if inner not in ({}, [])]
    return value


@pytest.mark.parametrize("name", SERVICES)
def test_what_botocore_writes_is_read_as_it_was_meant(name: str) -> None:
    service, theirs = model(name), their_model(name)
    writer = import_module("botocore.serialize").create_serializer(service.protocol, include_validation=False)
    for operation in operations(service):
        shape = service.input(operation)
        meant: Any = {} if shape is None else sample(service, shape)
        request = writer.serialize_to_request(meant, theirs.operation_model(operation))
        body: Any = request["body"]
        if isinstance(body, dict):
            body = import_module("urllib.parse").urlencode(body, doseq=True).encode()
        assert without_nothing(parse(service, operation, body)) == without_nothing(meant), operation


@pytest.mark.parametrize("name", SERVICES)
def test_what_the_world_writes_is_read_by_botocore(name: str) -> None:
    service, theirs = model(name), their_model(name)
    reader = import_module("botocore.parsers").create_parser(service.protocol)
    for operation in operations(service):
        shape = service.output(operation)
        meant: Any = {} if shape is None else sample(service, shape)
        content_type, body = serialize(service, operation, meant)
        answer = {"status_code": 200, "headers": {"content-type": content_type}, "body": body}
        found: Any = reader.parse(answer, theirs.operation_model(operation).output_shape)
        found.pop("ResponseMetadata")
        assert without_nothing(found) == without_nothing(meant), operation


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("error", [AwsError("Code", "a <message>"), AwsError("Code", "failed", 503)])
def test_errors_are_read_by_botocore(name: str, error: AwsError) -> None:
    service = model(name)
    _, body = errors.render(error, service.protocol, service.namespace)
    reader = import_module("botocore.parsers").create_parser(service.protocol)
    found = reader.parse({"status_code": error.status, "headers": {}, "body": body}, None)
    assert (found["Error"]["Code"], found["Error"]["Message"]) == (error.code, error.message)


def their_model(name: str) -> Any:
    """botocore's own object of a service's model."""
    return import_module("botocore.session").Session().get_service_model(name)


def test_what_is_missing_or_not_of_a_closed_set_is_refused_with_its_place() -> None:
    with pytest.raises(AwsError, match="Value null at 'autoScalingGroupName'") as missing:
        parse(model("autoscaling"), "DeleteAutoScalingGroup", b"Action=DeleteAutoScalingGroup")
    assert missing.value.code == "ValidationError"
    with pytest.raises(AwsError, match="'Fast' at 'strategy'"):
        parse(model("autoscaling"), "StartInstanceRefresh", b"AutoScalingGroupName=a&Strategy=Fast")
    with pytest.raises(AwsError) as mistyped:
        parse(model("ecs"), "DescribeServices", b'{"services": "web"}')
    assert mistyped.value.code == "SerializationException"


def test_pages_follow_one_another_until_the_end() -> None:
    seen: list[int] = []
    token = None
    while True:
        found = page(range(5), token, 2)
        seen.extend(found.items)
        token = found.next_token
        if token is None:
            break
    assert seen == [0, 1, 2, 3, 4]
    with pytest.raises(AwsError, match="is invalid") as refused:
        page(range(5), "mine", 2)
    assert refused.value.code == "InvalidNextToken"


def test_operations_have_the_names_of_policies_and_say_whether_they_write() -> None:
    assert is_reading("DescribeServices")
    assert not is_reading("UpdateService")
    assert [model(name).prefix for name in SERVICES] == [
        "autoscaling",
        "ec2",
        "elasticloadbalancing",
        "ecs",
        "application-autoscaling",
        "sts",
    ]


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld.start(tick=0.01) as made:
        yield made


def test_the_world_demands_the_right_secret_once_it_demands_any(world: AwsWorld) -> None:
    stranger, forger = AccessKey("AKIASTRANGER", "x"), AccessKey(KEY.id, "guessed")
    assert client(world, "sts", stranger).get_caller_identity()["Account"] == world.account.id
    world.access.demand(KEY)
    assert client(world, "sts").get_caller_identity()["Arn"] == world.account.user
    assert refusal(client(world, "sts", stranger).get_caller_identity)[:2] == (403, "InvalidClientTokenId")
    assert refusal(client(world, "sts", forger).get_caller_identity)[:2] == (403, "SignatureDoesNotMatch")
    elsewhere = client(world, "sts", region="us-east-1")
    assert "scoped to a valid region" in refusal(elsewhere.get_caller_identity)[2]


def test_temporary_keys_end_and_actions_are_denied(world: AwsWorld) -> None:
    key = AccessKey("ASIASANDBOX", "secret", "session-token")
    world.access.demand(key)
    asked = client(world, "sts", key)
    asked.get_caller_identity()
    world.access.deny("sts:Get.*")
    assert refusal(asked.get_caller_identity)[:2] == (403, "AccessDenied")
    world.access.allow_all()
    asked.get_caller_identity()
    world.access.expire(key.id)
    assert refusal(asked.get_caller_identity)[:2] == (403, "ExpiredToken")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultMode.EXPIRED), (403, "ExpiredToken")),
        (Fault(FaultMode.STATUS, status=429, retry_after=1), (429, "Throttling")),
        (Fault(FaultMode.STATUS, status=400), (400, "Throttling")),
        (Fault(FaultMode.STATUS, status=503), (503, "ServiceUnavailable")),
        (Fault(FaultMode.HALF_DONE), (500, "InternalFailure")),
    ],
    ids=["expired", "429", "400", "503", "half-done"],
)
def test_an_injected_fault_has_the_form_of_the_service(
    world: AwsWorld, fault: Fault, expected: tuple[int, str]
) -> None:
    injected = world.faults.add(fault)
    assert refusal(client(world, "sts").get_caller_identity)[:2] == expected
    assert injected.operations == ["sts:GetCallerIdentity"]
    client(world, "sts").get_caller_identity()
    assert [(item.operation, item.writes) for item in world.requests] == [("sts:GetCallerIdentity", False)] * 2


def test_what_the_world_does_not_have_says_so(world: AwsWorld) -> None:
    assert refusal(client(world, "sts").get_session_token)[:2] == (501, "InvalidAction")
