"""Charts as archives, made in the tests."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from hashlib import sha256

from providers.values import Manifest

CHART = """
apiVersion: v2
name: web
version: 0.1.0
appVersion: "1"
"""

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {release: "{{ .Values.tag }}"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: library/nginx:{{ .Values.tag }}
          envFrom: [{configMapRef: {name: web-config}}]
          ports: [{containerPort: 8080}]
"""

WEB = {"Chart.yaml": CHART, "values.yaml": "replicas: 2\n", "templates/all.yaml": TEMPLATE}


def archive(files: Mapping[str, str] = WEB, name: str = "web") -> bytes:
    """A chart as `helm package` would pack it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def chart(packed: bytes, **options: object) -> Manifest:
    """The manifest of a local chart, as a provider gets it."""
    return Manifest.model_validate(
        {
            "identifier": "chart",
            "type": "HelmChart",
            "options": options,
            "archive_digest": sha256(packed).hexdigest(),
            "archive": packed,
        }
    )


def values(text: str, identifier: str = "values") -> Manifest:
    return Manifest(identifier=identifier, type="Values", content=text)
