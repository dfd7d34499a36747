"""The application beside a small model of it. What diverges is shown with both values."""

import pytest

pytest.register_assert_rewrite("tests.model.machine")
