"""Settings: what is refused, in which words, and what is made safe."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from server.app import create_app
from server.settings import Settings, SettingsError, load_settings, unknown_variables


def complaint(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"UNSHIP_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_the_defaults_are_safe() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.post_prod_rollback, settings.allow_scripts) == (False, False)
    assert settings.resolved_database_url == f"sqlite:///{Path('data').absolute()}/unship.db"
    assert settings.callable_hosts == ("localhost", "127.0.0.1", "[::1]")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "unship.example", ""])
def test_without_authentication_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(host=host)
    assert "listen on 127.0.0.1 and put a proxy that authenticates in front of it" in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_in_every_spelling_is_fine(host: str) -> None:
    assert host in load_settings(host=host).callable_hosts or host == "::1"


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint(
        monkeypatch, PORT="abc", AUTH="maybe", ROLLBACK_MAX_AGE_DAYS="nan", INSTANCE_SYNC_SECONDS="0"
    ).splitlines()
    assert [line.split(":")[0] for line in said] == [
        "UNSHIP_PORT",
        "UNSHIP_AUTH",
        "UNSHIP_ROLLBACK_MAX_AGE_DAYS",
        "UNSHIP_INSTANCE_SYNC_SECONDS",
    ]


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "://"])
def test_an_unusable_database_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert complaint(monkeypatch, DATABASE_URL=url).startswith("UNSHIP_DATABASE_URL: ")


def test_hosts_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHIP_ALLOWED_HOSTS", "Unship.example, localhost,")
    assert load_settings().callable_hosts == ("unship.example", "localhost")


def test_an_empty_variable_is_as_if_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHIP_PORT", "")
    assert load_settings().port == 8000


def test_misspelt_variables_are_found() -> None:
    given = {"UNSHIP_PORT": "1", "UNSHIP_POST_PROD_ROLBACK": "true", "PATH": ""}
    assert unknown_variables(given) == ("UNSHIP_POST_PROD_ROLBACK",)


def test_an_asgi_server_is_told_in_words_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It calls the factory itself, and would answer any other exception with its own traceback."""
    monkeypatch.setenv("UNSHIP_PORT", "abc")
    monkeypatch.setenv("UNSHIP_PROT", "80")
    with pytest.raises(
        SystemExit, match=r"\AUnship cannot start\. .*\nUNSHIP_PORT: expected a whole number, found \"abc\""
    ):
        create_app()
    assert caplog.messages == ["UNSHIP_PROT is not a setting; it is ignored"]
    monkeypatch.setenv("UNSHIP_PORT", "80")
    monkeypatch.setenv("UNSHIP_CONNECTORS", "nowhere.yaml")
    with pytest.raises(
        SystemExit, match=r"\nUNSHIP_CONNECTORS: .*/nowhere\.yaml: the connectors file cannot be read"
    ):
        create_app()


def test_an_asgi_server_is_told_in_words_why_the_start_failed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app = create_app(Settings(data_dir=tmp_path / "file"))
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        told.append(message)

    asyncio.run(app({"type": "lifespan", "state": {}}, receive, send))
    (failed,) = told
    assert failed["type"] == "lifespan.startup.failed"
    assert failed["message"].startswith(f"UNSHIP_DATA_DIR: {tmp_path}/file cannot be used")
