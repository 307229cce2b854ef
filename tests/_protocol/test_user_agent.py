"""The User-Agent: what botocore would say of the same machine, under our name."""

from __future__ import annotations

import platform
from importlib import import_module
from typing import Any, Final
from unittest.mock import Mock, patch

from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._protocol.user_agent import __version__, user_agent

botocore_user_agent = import_module("botocore.useragent")
botocore_config = import_module("botocore.config")

LINUX: Final = {
    "system": "Linux",
    "release": "6.1",
    "machine": "x86_64",
    "python_version": "3.11.7",
    "python_implementation": "CPython",
}
FACTS: Final = st.text(max_size=12) | st.text("aB3#/ ;()-", max_size=6)
SYSTEMS: Final = st.sampled_from(["Linux", "Windows", "Darwin", "Java", "FreeBSD", "iOS", "Other"])


def ours(facts: dict[str, str], app_id: str | None = None) -> str:
    """Return the header of such a machine without our name and version in front."""
    functions: dict[str, Any] = {name: Mock(return_value=value) for name, value in facts.items()}
    with patch.multiple(platform, **functions):
        name, _, rest = user_agent(app_id).partition(" ")
    assert name == f"codepipeline-client/{__version__}"
    return rest


def theirs(facts: dict[str, str], app_id: str | None = None) -> str:
    """Return botocore's header for the same facts, less its own name in front."""
    creator = botocore_user_agent.UserAgentString(
        platform_name=facts["system"],
        platform_version=facts["release"],
        platform_machine=facts["machine"],
        python_version=facts["python_version"],
        python_implementation=facts["python_implementation"],
        execution_env=None,
    )
    text: str = creator.with_client_config(botocore_config.Config(user_agent_appid=app_id)).to_string()
    return text.partition(" ")[2]


@given(st.fixed_dictionaries(dict.fromkeys(LINUX, FACTS) | {"system": SYSTEMS}))
@example(LINUX | {"system": "FreeBSD", "release": "14.0 RELEASE"})
@example(dict.fromkeys(LINUX, "") | {"system": "Windows"})
def test_any_machine_is_named_as_botocore_names_it(facts: dict[str, str]) -> None:
    python = facts["python_implementation"] or "CPython"
    assert ours(facts | {"python_implementation": python}) == theirs(facts | {"python_implementation": python})


def test_an_unknown_system_is_other() -> None:
    """Python gives an empty name when it cannot tell."""
    assert ours(LINUX | {"system": ""}).startswith("ua/2.1 os/other md/arch")


@given(app_id=st.text(max_size=60).filter(lambda text: "#" not in text))
@example(app_id="")
@example(app_id="deploy tool/2 (beta)\r\nX-Evil: 1")
def test_the_app_id_ends_the_header_as_it_ends_botocores(app_id: str) -> None:
    """But for "#", which older botocores replace there too."""
    assert ours(LINUX, app_id) == theirs(LINUX, app_id)


def test_an_app_id_may_have_a_number_sign() -> None:
    assert user_agent("team#web").endswith(" app/team#web")
