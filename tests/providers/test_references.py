"""References to secrets: what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.connectors import ConnectorsError, resolve_reference


@pytest.mark.parametrize("pasted", ["admin", "hunter2:hunter3", "env:p4ss w0rd", "vault:hunter2", ""])
def test_what_is_no_reference_may_be_the_secret_itself_and_is_not_told(pasted: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectorsError, match="env:NAME") as refused:
        resolve_reference(pasted, tmp_path)
    assert not pasted or pasted.rpartition(":")[2] not in str(refused.value)


def test_a_reference_to_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectorsError, match="env:NOT_SET_ANYWHERE is not set"):
        resolve_reference("env:NOT_SET_ANYWHERE", tmp_path)
    with pytest.raises(ConnectorsError, match="file:nowhere cannot be read: No such file"):
        resolve_reference("file:nowhere", tmp_path)
