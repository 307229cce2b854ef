"""The User-Agent: what botocore would say of the same machine, under our name."""

from __future__ import annotations

import platform
import re
from importlib import import_module
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._protocol.user_agent import __version__, compose, user_agent

botocore_user_agent = import_module("botocore.useragent")
botocore_config = import_module("botocore.config")

LINUX: Final = {
    "system": "Linux",
    "release": "6.1",
    "machine": "x86_64",
    "python": "3.11.7",
    "implementation": "CPython",
}
FACTS: Final = st.text(max_size=12) | st.text("aB3#/ ;()-", max_size=6)
SYSTEMS: Final = st.sampled_from(["Linux", "Windows", "Darwin", "Java", "FreeBSD", "iOS", "Other"])


def theirs(facts: dict[str, str], app_id: str | None = None) -> str:
    """Return botocore's header for the same facts, less its own name in front."""
    creator = botocore_user_agent.UserAgentString(
        platform_name=facts["system"],
        platform_version=facts["release"],
        platform_machine=facts["machine"],
        python_version=facts["python"],
        python_implementation=facts["implementation"],
        execution_env=None,
    )
    text: str = creator.with_client_config(botocore_config.Config(user_agent_appid=app_id)).to_string()
    return text.partition(" ")[2]


def after_our_name(header: str) -> str:
    """Return the header without the name and version in front, which must be ours."""
    name, _, rest = header.partition(" ")
    assert name == f"codepipeline-client/{__version__}"
    return rest


def test_the_header_has_the_form_of_the_aws_sdks() -> None:
    assert compose(**LINUX) == (
        f"codepipeline-client/{__version__} ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython"
    )


@given(
    facts=st.fixed_dictionaries(
        {"system": SYSTEMS, "release": FACTS, "machine": FACTS, "python": FACTS, "implementation": FACTS}
    )
)
@example(facts=LINUX | {"system": "Darwin"})
@example(facts=LINUX | {"system": "FreeBSD", "release": "14.0 RELEASE"})
@example(facts=dict.fromkeys(LINUX, "") | {"system": "Windows"})
def test_any_machine_is_named_as_botocore_names_it(facts: dict[str, str]) -> None:
    assert after_our_name(compose(**facts)) == theirs(facts)


def test_a_system_that_nobody_knows_is_other() -> None:
    """Python gives an empty name when it cannot tell."""
    assert after_our_name(compose(**LINUX | {"system": ""})).startswith("ua/2.1 os/other md/arch")


@given(app_id=st.text(max_size=60).filter(lambda text: "#" not in text))
@example(app_id="")
@example(app_id="deploy tool/2 (beta)\r\nX-Evil: 1")
def test_the_app_id_ends_the_header_as_it_ends_botocores(app_id: str) -> None:
    """But for "#", which older botocores replace there too."""
    ours = user_agent(app_id).partition(" app/")[1:]
    assert ours == theirs(LINUX, app_id).partition(" app/")[1:]


def test_an_app_id_may_have_a_number_sign() -> None:
    assert user_agent("team#web").endswith(" app/team#web")


def test_without_an_app_id_the_header_describes_this_machine_only() -> None:
    header = user_agent()
    assert header == user_agent(None) == user_agent("")
    assert f"lang/python#{platform.python_version()}" in header
    assert "app/" not in header


def test_the_version_is_one_that_packages_can_have() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
