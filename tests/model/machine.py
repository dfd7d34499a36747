"""Deployments, rollbacks, aborts, crashes and changes by hand in any order: the application beside the model."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.actions import (
    ACTIONS,
    TAGS,
    Abort,
    Action,
    ChangeByHand,
    Crash,
    Deploy,
    EditThePipeline,
    GoOn,
    RestartACopy,
    RollBack,
    TryAgain,
)
from tests.model.reference import PLACES, Reference, Run
from tests.model.stand import Stand, reasons_of

EVERYWHERE = frozenset(PLACES)
_numbers = itertools.count(1)


class Machine(RuleBasedStateMachine):
    """Each example has a service of its own, deployed twice already. What cannot be done now is left out."""

    new_stand: ClassVar[Callable[[str], Stand]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Reference()
        self.ids: dict[str, Run] = {}
        self.held_by = Deploy()
        self.last_try: tuple[Run, str] | None = None
        self.changed = True

    @initialize()
    def install(self) -> None:
        self.stand: Stand = type(self).new_stand(f"m{next(_numbers)}")
        self.stand.apply(self.model.undoable)
        for tag in TAGS[:2]:
            self._deploy(Deploy(tag))

    @rule(action=ACTIONS)
    def act(self, action: Action) -> None:
        self.changed = self._done(action)

    def act_on(self, action: Action) -> bool:
        """As `act`, with what must hold afterwards; whether it could be done."""
        self.act(action)
        done = self.changed
        self.the_application_shows_what_the_model_says()
        return done

    def _done(self, action: Action) -> bool:
        """Whether it could be done."""
        held, live = self.model.held is not None, self.model.live
        match action:
            case Deploy():
                self._deploy(action)
            case RollBack():
                return self._roll_back(action)
            case TryAgain() if self.last_try is not None:
                run, scope = self.last_try
                back = len(self.model.runs) - 1 - self.model.runs.index(run)
                return self._roll_back(RollBack(back, scope, action.sabotaged))
            case GoOn() if held:
                self._go_on()
            case Abort() if held:
                self._abort(action)
            case Crash() if held:
                self.stand.crash()
            case EditThePipeline():
                self._edit_the_pipeline()
            case ChangeByHand() if live[action.place] is not None:
                version = self.model.change_by_hand(action.place, action.image, action.copies)
                self.stand.change_by_hand(action, version)
            case RestartACopy() if (version := live[action.place]) is not None and version.copies:
                self.stand.restart_a_copy(action.place, version)
            case _:
                return False
        return True

    @invariant()
    def the_application_shows_what_the_model_says(self) -> None:
        if not self.changed or not self.model.runs:
            return
        self.changed = False
        shown = self.stand.look()
        assert list(self.ids) == list(shown.executions)
        for execution, run in self.ids.items():
            node = shown.executions[execution]
            found = (run, node["status"], reasons_of(node["rollbackEligibility"]))
            assert found == (run, run.status, self.model.reasons(run, EVERYWHERE))
        for place in PLACES:
            version = self.model.live[place]
            wanted = [version.image] * version.copies if version else []
            assert (place, self.stand.tags(place)) == (place, wanted)
            assert (place, self.stand.release(place)) == (place, version and version.release)
            assert (place, sorted(shown.instances.get(place, {}).values())) == (place, wanted)

    def teardown(self) -> None:
        self.stand.gate.open()
        self.stand.sabotage.close()
        if self.model.held is not None:
            self.stand.unship.finish(self._id(self.model.held))

    def _deploy(self, how: Deploy) -> None:
        busy = self.model.held is not None
        if how.hold and not busy:
            self.stand.gate.close()
        execution, codes = self.stand.run(how.tag, how.fails_in)
        assert codes == (["TARGET_BUSY"] if busy else [])
        if execution is None:
            return
        run = self.model.deploy(how.tag, how.fails_in, how.hold)
        self.ids[execution] = run
        if run.active:
            self.held_by = how
        else:
            self.stand.gate.open()
        self._follow(run, how.crash_at)

    def _roll_back(self, how: RollBack) -> bool:
        found = self._scope(how)
        if found is None:
            return False
        run, places, target = found
        expected = self.model.reasons(run, places)
        hold = how.hold and self.model.held is None
        if hold:
            self.stand.gate.close()
        if how.sabotaged:
            self.stand.sabotage.open()
        assert reasons_of(self.stand.unship.eligibility(**target)) == expected
        payload = self.stand.unship.roll_back(target=target)
        assert reasons_of(payload["eligibility"]) == expected
        blocking = {code for code, severity in expected if severity == "BLOCKING"}
        assert {error["code"] for error in payload["userErrors"]} <= blocking
        assert (payload["execution"] is None) is bool(blocking)
        if payload["execution"] is not None:
            undo = self.model.roll_back(run, places, how.sabotaged, hold)
            self.ids[payload["execution"]["id"]] = undo
            self.last_try = (run, how.scope)
            self._follow(undo, how.crash_at)
        if self.model.held is None:
            self.stand.gate.open()
        self.stand.sabotage.close()
        return True

    def _go_on(self) -> None:
        run = self.model.held
        assert run is not None
        self.model.go_on(self.held_by.tag, self.held_by.fails_in)
        self.stand.gate.open()
        self._follow(run, None)

    def _abort(self, how: Abort) -> None:
        run = self.model.held
        assert run is not None
        assert self.stand.unship.abort(self._id(run))["userErrors"] == []
        if how.crash:
            self.stand.crash()
        self.stand.gate.open()
        self.model.abort()
        self._follow(run, None)

    def _edit_the_pipeline(self) -> None:
        """What ran keeps the pipeline that it ran with."""
        self.model.undoable = not self.model.undoable
        self.stand.apply(self.model.undoable)

    def _scope(self, how: RollBack) -> tuple[Run, frozenset[str], dict[str, Any]] | None:
        """Which run and places a scope is about, and how to ask for it; None where there is no such scope."""
        run = self.model.runs[-1 - min(how.back, len(self.model.runs) - 1)]
        places = {part.place for part in run.parts}
        if how.scope == "execution":
            return run, frozenset(places), {"executionId": self._id(run)}
        kind, _, place = how.scope.partition(" ")
        if kind == "instance":
            instances = self.stand.look().instances.get(place)
            return (*self.model.scope_of_instance(place), {"instanceId": min(instances)}) if instances else None
        if place not in places:
            return None
        stage = self.stand.stage_of(self._id(run), place)
        return *self.model.scope_of(run, place), {"stageIds": [stage]}

    def _follow(self, run: Run, crash_at: int | None) -> None:
        if run.active:
            self.stand.until_held(self._id(run))
        else:
            status = self.stand.finish(self._id(run), crash_at)
            assert status == run.status, self.stand.unship.execution(self._id(run))

    def _id(self, run: Run) -> str:
        return next(execution for execution, one in self.ids.items() if one is run)
