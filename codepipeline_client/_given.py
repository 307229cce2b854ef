"""
What a client was given, and what it goes by when everything was looked up: two sets of values.

How the one follows from the other is in `_settings`.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._endpoint import Endpoint
    from ._retry import Mode as RetryMode

# Neither is a tuple: what shows the variables of a traceback looks into tuples, and a proxy's URL has a password.


class Given:
    """The client's arguments that can be set elsewhere too. None is an argument that was not given."""

    __slots__ = (
        *("region_name", "profile_name", "endpoint_url", "use_fips_endpoint", "use_dualstack_endpoint", "proxy"),
        *("trust_env", "verify", "user_agent_app_id", "retry_mode", "max_attempts"),
    )

    def __init__(
        self,
        *,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        use_fips_endpoint: bool | None = None,
        use_dualstack_endpoint: bool | None = None,
        proxy: str | None = None,
        trust_env: bool = True,
        verify: bool | str | ssl.SSLContext = True,
        user_agent_app_id: str | None = None,
        retry_mode: RetryMode | None = None,
        max_attempts: int | None = None,
    ) -> None:
        self.region_name: Final = region_name
        self.profile_name: Final = profile_name
        self.endpoint_url: Final = endpoint_url
        self.use_fips_endpoint: Final = use_fips_endpoint
        self.use_dualstack_endpoint: Final = use_dualstack_endpoint
        self.proxy: Final = proxy
        self.trust_env: Final = trust_env
        """False to leave proxies and CA files of the environment alone. Everything else there still counts."""
        self.verify: Final = verify
        self.user_agent_app_id: Final = user_agent_app_id
        self.retry_mode: Final[RetryMode | None] = retry_mode
        self.max_attempts: Final = max_attempts


class Settings:
    """What a client goes by."""

    __slots__ = (
        *("region_name", "profile_name", "endpoint", "proxy_url", "ca_file", "user_agent_app_id"),
        *("retry_mode", "max_attempts", "correct_clock_skew"),
    )

    def __init__(
        self,
        *,
        region_name: str,
        profile_name: str | None,
        endpoint: Endpoint,
        proxy_url: str | None,
        ca_file: str | None,
        user_agent_app_id: str | None,
        retry_mode: RetryMode,
        max_attempts: int,
        correct_clock_skew: bool,
    ) -> None:
        self.region_name: Final = region_name
        self.profile_name: Final = profile_name
        """None when no profile was named; the one called "default" counts then, if there is one."""
        self.endpoint: Final = endpoint
        self.proxy_url: Final = proxy_url
        """Begins with its scheme, and may hold a password."""
        self.ca_file: Final = ca_file
        """The file or folder of the authorities to trust. None for the usual ones, and beside an SSL context."""
        self.user_agent_app_id: Final = user_agent_app_id
        self.retry_mode: Final[RetryMode] = retry_mode
        self.max_attempts: Final = max_attempts
        """The first attempt included."""
        self.correct_clock_skew: Final = correct_clock_skew
