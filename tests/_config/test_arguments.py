"""Arguments: each has its range, and an error names it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from codepipeline_client._config.arguments import LONGEST, count_of, interval_of, plain_function
from codepipeline_client.errors import ConfigurationError


@pytest.mark.parametrize("value", [0, -1, LONGEST + 1, math.inf, math.nan, True, "1", None])
def test_an_interval_is_a_number_of_seconds(value: Any) -> None:
    assert (interval_of("pause", LONGEST), interval_of("pause", 0, may_be_zero=True)) == (LONGEST, 0.0)
    with pytest.raises(ConfigurationError) as caught:
        interval_of("pause", value)
    assert str(caught.value) == f"pause must be a number of seconds, above 0 and up to 31536000, not {value!r}"


@pytest.mark.parametrize("value", [0, 1.0, True, "1"])
def test_a_count_is_a_whole_number_from_1(value: Any) -> None:
    assert count_of("max_connections", 1) == 1
    with pytest.raises(ConfigurationError, match=f"max_connections must be a whole number from 1, not {value!r}"):
        count_of("max_connections", value)


class AsyncCaller:
    async def __call__(self) -> None: ...


def test_a_callback_is_not_async() -> None:
    plain_function("on_poll", print)
    with pytest.raises(ConfigurationError, match="on_poll must be a plain function that is not async"):
        plain_function("on_poll", AsyncCaller())
