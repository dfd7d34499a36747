"""What an artifact source of a service names, as the artifact and as the words that expressions read."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from providers.values import Artifact


def artifact_of(spec: Mapping[str, JsonValue]) -> Artifact:
    """The artifact of a rendered source `spec`: an image path with tag or digest, or a machine image's version."""
    path, tag, digest = _text(spec, "imagePath"), _text(spec, "tag"), _text(spec, "digest")
    if path is None:
        version = _text(spec, "version") or tag or "unknown"
        return Artifact(display_name=version, image=version, tag=tag)
    suffix = f":{tag}" if tag else f"@{digest}" if digest else ""
    return Artifact(display_name=path + suffix, image=path, tag=tag, digest=digest)


def artifact_words(identifier: str, source_type: str, spec: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What `<+artifact.NAME>` reads; `image` is the complete reference that a manifest needs."""
    artifact = artifact_of(spec)
    return {
        **spec,
        "identifier": identifier,
        "type": source_type,
        "image": artifact.display_name,
        "tag": artifact.tag,
        "displayName": artifact.display_name,
    }


def words_of(artifact: Artifact) -> dict[str, JsonValue]:
    """What `<+rollbackArtifact.NAME>` reads of the artifact that a rollback goes back to."""
    return {
        "image": artifact.display_name,
        "imagePath": artifact.image,
        "tag": artifact.tag,
        "digest": artifact.digest,
        "revision": artifact.revision,
        "displayName": artifact.display_name,
    }


def _text(spec: Mapping[str, JsonValue], key: str) -> str | None:
    value = spec.get(key)
    return str(value) if value not in (None, "") else None
