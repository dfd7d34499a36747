"""What somebody, or something, may do next. Their texts are how an example is replayed."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.model.reference import PLACES

TAGS = ("v1", "v2", "v3")
SCOPES = ("execution", "stage staging", "stage prod", "instance staging", "instance prod")


@dataclass(frozen=True)
class Deploy:
    """Run the pipeline; the server is killed at the event of that sequence, `hold` keeps it before `prod`."""

    tag: str = "v1"
    fails_in: str = "nowhere"
    hold: bool = False
    crash_at: int | None = None


@dataclass(frozen=True)
class RollBack:
    """Roll back the last run, or one of those before it; a sabotaged one fails in `staging`, after `prod`."""

    back: int = 0
    scope: str = "execution"
    sabotaged: bool = False
    hold: bool = False
    crash_at: int | None = None


@dataclass(frozen=True)
class TryAgain:
    sabotaged: bool = False


@dataclass(frozen=True)
class GoOn:
    """Let what is held go on."""


@dataclass(frozen=True)
class Abort:
    """Abort what is held, perhaps with a crash before it has stopped."""

    crash: bool = False


@dataclass(frozen=True)
class Crash:
    """SIGKILL, and a start, while something is held."""


@dataclass(frozen=True)
class EditThePipeline:
    """Take the rollbackSteps of `prod` away, or put them back."""


@dataclass(frozen=True)
class ChangeByHand:
    place: str
    image: str | None = None
    copies: int | None = None


@dataclass(frozen=True)
class RestartACopy:
    place: str


Action = Deploy | RollBack | TryAgain | GoOn | Abort | Crash | EditThePipeline | ChangeByHand | RestartACopy

_places, _crashes = st.sampled_from(PLACES), st.sampled_from([None, None, 1, 4, 8])
_deploy = st.builds(
    Deploy,
    st.sampled_from(TAGS),
    st.sampled_from(["nowhere", "nowhere", "nowhere", *PLACES]),
    st.sampled_from([False, False, True]),
    _crashes,
)
_roll_back = st.builds(
    RollBack,
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from(["execution", *SCOPES]),
    st.booleans(),
    st.booleans(),
    _crashes,
)
# What costs nothing first: the simplest example consists of it. What is done more often stands there more often.
_kinds: list[st.SearchStrategy[Action]] = [
    *[st.builds(GoOn)] * 2,
    *[_deploy] * 4,
    *[_roll_back] * 6,
    st.builds(TryAgain, st.booleans()),
    st.builds(RestartACopy, _places),
    st.builds(Abort, st.booleans()),
    st.builds(Crash),
    st.builds(EditThePipeline),
    st.builds(ChangeByHand, _places, image=st.sampled_from(["by-hand", *TAGS])),
    st.builds(ChangeByHand, _places, copies=st.sampled_from([0, 1, 3])),
]
ACTIONS: st.SearchStrategy[Action] = st.integers(0, len(_kinds) - 1).flatmap(_kinds.__getitem__)
