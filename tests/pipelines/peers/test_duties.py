"""What a process has to do, from who carries what and who lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipelines.peers.duties import Carried, Duties, Member, Situation, duties

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
ALIVE, DEAD = Member("a", young=True), Member("b", young=False)
ME = Member("me", young=True)
SEEN = Situation("me", (), (), (ALIVE, DEAD, ME), NOW, may_judge=True)


def found(*executions: Carried, running: tuple[str, ...] = (), may_judge: bool = True) -> Duties:
    return duties(replace(SEEN, executions=executions, running=running, may_judge=may_judge))


def test_executions_of_the_living_are_theirs() -> None:
    assert found(Carried("1", "a", LONG_AGO)) == Duties()


def test_own_executions_are_carried_once_they_are_settled() -> None:
    assert found(Carried("1", "me", LONG_AGO), Carried("2", "me", NOW)).own == ("1",)
    assert found(Carried("1", "me", LONG_AGO, ended=True)).own == ()


def test_those_of_the_dead_are_taken_by_who_may_judge() -> None:
    assert found(Carried("1", "b", NOW)).takeable == {"b": ("1",)}
    assert found(Carried("1", "b", NOW), may_judge=False).takeable == {}


def test_those_of_a_process_that_said_goodbye_are_taken_by_anybody() -> None:
    assert found(Carried("1", "gone", NOW), may_judge=False).takeable == {"gone": ("1",)}


def test_unclaimed_ones_are_taken_once_they_are_settled() -> None:
    assert found(Carried("1", None, LONG_AGO), Carried("2", None, NOW)).takeable == {None: ("1",)}


def test_what_has_ended_is_taken_by_nobody() -> None:
    assert found(Carried("1", "b", NOW, ended=True), Carried("2", None, LONG_AGO, ended=True)) == Duties()


def test_what_others_carry_is_let_go_before_it_may_be_taken_back() -> None:
    for carrier in ("a", "b", "gone"):
        seen = found(Carried("1", carrier, LONG_AGO), running=("1",))
        assert (seen.superseded, seen.takeable) == (("1",), {})
    assert found(Carried("1", "a", LONG_AGO, ended=True), running=("1",)).superseded == ("1",)


def test_a_crowd_is_shared_with_the_others() -> None:
    crowd = [Carried(f"{number:03}", "b", LONG_AGO) for number in range(50)]
    assert found(*crowd).takeable == {"b": tuple(f"{number:03}" for number in range(20))}


def test_the_oldest_living_process_leads() -> None:
    assert not duties(SEEN).leads
    assert duties(replace(SEEN, members=(DEAD, ME))).leads
    assert not duties(replace(SEEN, members=(DEAD,))).leads
