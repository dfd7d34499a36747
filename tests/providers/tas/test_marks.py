"""What is written into metadata fits its limits and comes back as it was."""

from __future__ import annotations

import re

from providers.tas.marks import CHUNK, Kind, Record, labels, mark, record_annotations, record_of, selector
from providers.tas.names import family, free_older, older
from providers.tas.values import AppState, RouteState, TasSnapshot


def record(routes: int) -> Record:
    guids = [mark(str(number)) for number in range(routes)]
    states = tuple(RouteState(guid=guid, url=f"{guid}.example.com") for guid in guids)
    app = AppState(guid=mark("app"), name="mailer", started=True, routes=states)
    base = TasSnapshot(existed=True, name="mailer", apps=(app,))
    return Record(number=3, kind=Kind.ROLLING, base=base, token="t", done=("a",), droplet="d")


def test_a_record_of_many_routes_goes_into_several_annotations() -> None:
    written = {name: str(value) for name, value in record_annotations(record(500), {}).items()}
    assert len(written) > 2
    assert all(len(value) <= CHUNK for value in written.values())
    assert record_of(written) == record(500)


def test_a_shorter_record_takes_the_rest_of_a_longer_one_away() -> None:
    long = {name: str(value) for name, value in record_annotations(record(500), {}).items()}
    merged = {**long, **record_annotations(record(1), long)}
    left = {name: str(value) for name, value in merged.items() if value is not None}
    assert record_of(left) == record(1)


def test_a_record_that_somebody_has_damaged_is_none() -> None:
    written = {name: str(value) for name, value in record_annotations(record(1), {}).items()}
    name = next(iter(written))
    assert record_of({name: written[name][:-9]}) is None
    assert record_of({name: "not base64"}) is None
    assert record_of({}) is None


def test_labels_are_labels() -> None:
    made = labels("execution/stage step\n#1", "mailer app")
    assert all(re.fullmatch(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", str(value)) for value in made.values())
    assert selector("unship.dev/token", "x") == f"unship.dev/token={mark('x')}"


def test_a_step_is_done_once_in_its_record() -> None:
    done = record(0).with_done("b", finished=True).with_done("b", finished=True)
    assert (done.done, done.finished) == (("a", "b"), True)


def test_the_names_of_a_family_are_different() -> None:
    assert len(set(family("mailer"))) == len(family("mailer"))
    assert free_older("mailer", ()) == "mailer__0"
    assert free_older("mailer", ("mailer__0", "mailer__2")) == "mailer__1"
    assert free_older("mailer", older("mailer")) == older("mailer")[-1]
