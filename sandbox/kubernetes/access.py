"""Who may do what: everybody everything, until a test says otherwise. Imports kinds, errors and core.wire."""

from dataclasses import dataclass

from sandbox.core.wire import Object, submap
from sandbox.kubernetes.errors import ApiError, forbidden
from sandbox.kubernetes.kinds import Kind

USER = "system:serviceaccount:default:sandbox"
VERB_OF_METHOD = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}


@dataclass(frozen=True, slots=True)
class Denial:
    """What is refused; `*` matches all."""

    verb: str = "*"
    resource: str = "*"
    group: str = "*"
    namespace: str = "*"

    def covers(self, verb: str, resource: str, group: str, namespace: str) -> bool:
        """Whether the denial applies."""
        pairs = (
            (self.verb, verb),
            (self.resource, resource),
            (self.group, group),
            (self.namespace, namespace),
        )
        return all(rule in {"*", value} for rule, value in pairs)


class Access:
    """The token that is asked for (none unless set), and the denials in force."""

    def __init__(self) -> None:
        self.required_token: str | None = None
        self._denials: list[Denial] = []

    def require_token(self, token: str | None) -> None:
        """Answers 401 to every request with another bearer token from now on; None accepts any."""
        self.required_token = token

    def deny(self, verb: str = "*", resource: str = "*", group: str = "*", namespace: str = "*") -> None:
        """Refuses these requests with 403, and says so in access reviews."""
        self._denials.append(Denial(verb, resource, group, namespace))

    def allow_all(self) -> None:
        """Drops every denial."""
        self._denials.clear()

    def check_token(self, authorization: str) -> None:
        """Raises ApiError 401."""
        if self.required_token is not None and authorization != f"Bearer {self.required_token}":
            raise ApiError(401, "Unauthorized")

    def check(self, verb: str, kind: Kind, namespace: str, name: str) -> None:
        """Raises ApiError 403."""
        if not self.allowed(verb, kind.plural, kind.group, namespace):
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            why = f'User "{USER}" cannot {verb} resource "{kind.plural}" in API group "{kind.group}"{where}'
            raise forbidden(kind, name, why)

    def allowed(self, verb: str, resource: str, group: str, namespace: str) -> bool:
        """Whether no denial covers the request."""
        return not any(denial.covers(verb, resource, group, namespace) for denial in self._denials)

    def review(self, kind: Kind, value: Object) -> Object:
        """The answer to a review of oneself."""
        spec = submap(value, "spec")
        if kind.kind == "SelfSubjectAccessReview":
            status = self._access(spec)
        elif kind.kind == "SelfSubjectRulesReview":
            rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            status: Object = {"resourceRules": [rule], "nonResourceRules": [], "incomplete": bool(self._denials)}
        else:
            status = {"userInfo": {"username": USER, "groups": ["system:authenticated"]}}
        answer: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}, "status": status}
        if spec:
            answer["spec"] = spec
        return answer

    def _access(self, spec: Object) -> Object:
        asked = submap(spec, "resourceAttributes")
        allowed = self.allowed(
            asked.get("verb", ""),
            asked.get("resource", ""),
            asked.get("group", ""),
            asked.get("namespace", ""),
        )
        return {"allowed": allowed} if allowed else {"allowed": False, "reason": "denied by the sandbox"}
