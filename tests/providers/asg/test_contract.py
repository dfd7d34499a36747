"""The contract of every provider, kept by Auto Scaling groups with each of its strategies."""

from tests.providers.contract import *  # noqa: F403
from tests.providers.contract_faults import *  # noqa: F403
from tests.providers.contract_lag import *  # noqa: F403
