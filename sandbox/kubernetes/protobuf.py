"""Bodies that typed Go clients send as protobuf: `k8s\\0` + runtime.Unknown. Imports errors and core.wire.

Only the kinds that real clients send so; the field numbers are those of the published .proto files.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.core.wire import Object
from sandbox.kubernetes.errors import ApiError

MAGIC = b"k8s\x00"

Decoder = Callable[[bytes | int], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message; `many` collects, `mapping` collects key/value entries."""

    name: str
    decode: Decoder
    many: bool = False
    mapping: bool = False


def decode_protobuf(body: bytes) -> Object:
    """The object of an envelope. Raises ApiError 400 or 415."""
    if not body.startswith(MAGIC):
        raise ApiError(400, "provided data does not appear to be a protobuf message, expected prefix k8s")
    try:
        envelope = _message(ENVELOPE)(body[len(MAGIC) :])
        kind = envelope.get("typeMeta", {}).get("kind", "")
        fields = MESSAGES.get(kind)
        if fields is None:
            raise ApiError(415, f"the sandbox does not read protobuf bodies of kind {kind!r}")
        decoded = _message(fields)(envelope.get("raw", b""))
    except (IndexError, UnicodeDecodeError) as error:
        raise ApiError(400, f"unable to decode the protobuf body: {error}") from None
    return {**envelope["typeMeta"], **decoded}


def _message(fields: dict[int, Field]) -> Callable[[bytes | int], Object]:
    def decode(data: bytes | int) -> Object:
        if isinstance(data, int):
            raise ApiError(400, "proto: wrong wireType")
        result: Object = {}
        for number, raw in _wire(data):
            field = fields.get(number)
            if field is None:
                continue
            value = field.decode(raw)
            if field.mapping:
                result.setdefault(field.name, {})[value.get("key", "")] = value.get("value", "")
            elif field.many:
                result.setdefault(field.name, []).append(value)
            else:
                result[field.name] = value
        return result

    return decode


def _wire(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise IndexError("unexpected EOF")
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            width = 8 if kind == 1 else 4
            yield tag >> 3, int.from_bytes(data[at : at + width], "little")
            at += width


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _text(data: bytes | int) -> str:
    return data.decode() if isinstance(data, bytes) else str(data)


def _integer(data: bytes | int) -> int:
    value = data if isinstance(data, int) else 0
    return value - (1 << 64) if value >> 63 else value


def _boolean(data: bytes | int) -> bool:
    return bool(data)


def _base64(data: bytes | int) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else b"").decode()


def _raw(data: bytes | int) -> bytes | int:
    return data


def _time(data: bytes | int) -> str | None:
    seconds = _message({1: Field("seconds", _integer)})(data).get("seconds")
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


TYPE_META = {1: Field("apiVersion", _text), 2: Field("kind", _text)}
ENVELOPE = {1: Field("typeMeta", _message(TYPE_META)), 2: Field("raw", _raw)}
TEXT_ENTRY = _message({1: Field("key", _text), 2: Field("value", _text)})
BYTES_ENTRY = _message({1: Field("key", _text), 2: Field("value", _base64)})

OWNER = _message(
    {
        1: Field("kind", _text),
        3: Field("name", _text),
        4: Field("uid", _text),
        5: Field("apiVersion", _text),
        6: Field("controller", _boolean),
        7: Field("blockOwnerDeletion", _boolean),
    }
)

METADATA = _message(
    {
        1: Field("name", _text),
        2: Field("generateName", _text),
        3: Field("namespace", _text),
        5: Field("uid", _text),
        6: Field("resourceVersion", _text),
        7: Field("generation", _integer),
        8: Field("creationTimestamp", _time),
        9: Field("deletionTimestamp", _time),
        11: Field("labels", TEXT_ENTRY, mapping=True),
        12: Field("annotations", TEXT_ENTRY, mapping=True),
        13: Field("ownerReferences", OWNER, many=True),
        14: Field("finalizers", _text, many=True),
    }
)

RESOURCE_ATTRIBUTES = _message(
    {
        1: Field("namespace", _text),
        2: Field("verb", _text),
        3: Field("group", _text),
        4: Field("version", _text),
        5: Field("resource", _text),
        6: Field("subresource", _text),
        7: Field("name", _text),
    }
)

META = Field("metadata", METADATA)

MESSAGES: dict[str, dict[int, Field]] = {
    "Secret": {
        1: META,
        2: Field("data", BYTES_ENTRY, mapping=True),
        3: Field("type", _text),
        4: Field("stringData", TEXT_ENTRY, mapping=True),
        5: Field("immutable", _boolean),
    },
    "ConfigMap": {
        1: META,
        2: Field("data", TEXT_ENTRY, mapping=True),
        3: Field("binaryData", BYTES_ENTRY, mapping=True),
        4: Field("immutable", _boolean),
    },
    "Namespace": {
        1: META,
        2: Field("spec", _message({1: Field("finalizers", _text, many=True)})),
        3: Field("status", _message({1: Field("phase", _text)})),
    },
    "ServiceAccount": {1: META, 4: Field("automountServiceAccountToken", _boolean)},
    "SelfSubjectReview": {1: META},
    "SelfSubjectRulesReview": {1: META, 2: Field("spec", _message({1: Field("namespace", _text)}))},
    "SelfSubjectAccessReview": {
        1: META,
        2: Field("spec", _message({1: Field("resourceAttributes", RESOURCE_ATTRIBUTES)})),
    },
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", _integer),
        2: Field("preconditions", _message({1: Field("uid", _text), 2: Field("resourceVersion", _text)})),
        3: Field("orphanDependents", _boolean),
        4: Field("propagationPolicy", _text),
        5: Field("dryRun", _text, many=True),
    },
}
