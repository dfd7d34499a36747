"""The two-person rule where nobody is asked who he is: it holds, and says what to do about it."""

from __future__ import annotations

from tests.journeys.yard import NEW, OLD, Yard, refused


def test_without_authentication_nobody_is_a_second_person(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    (environment, _) = yard.places(("prod",))
    environment["environment"]["requireRollbackApproval"] = True
    yard.apply_documents(environment)
    (reason,) = yard.unship.eligibility(executionId=execution)["reasons"]
    assert (reason["code"], reason["severity"], reason["overridable"]) == ("APPROVAL_REQUIRED", "BLOCKING", False)
    assert "UNSHIP_AUTH=token or oidc" in reason["remedy"]
    assert refused(yard, executionId=execution) == ["APPROVAL_REQUIRED"]
    asked = yard.unship.data(
        "mutation ($input: RequestRollbackApprovalInput!) { requestRollbackApproval(input: $input) "
        "{ approval { id } userErrors { code message } } }",
        input={"target": {"executionId": execution}, "planHash": yard.unship.plan(executionId=execution)["hash"]},
    )["requestRollbackApproval"]
    assert (asked["approval"], asked["userErrors"][0]["code"]) == (None, "APPROVAL_IMPOSSIBLE")
    yard.apply_documents(*yard.places(("prod",)))
    assert yard.unship.reasons(executionId=execution) == []
