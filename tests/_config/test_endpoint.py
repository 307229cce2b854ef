"""Endpoints: equal to what the service's own rule set says in botocore, errors included, and careful with URLs."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from itertools import product
from json import dumps
from pathlib import Path
from string import ascii_letters, digits
from types import ModuleType
from typing import Any, Final

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from codepipeline_client._config.arguments import SecretText
from codepipeline_client._config.endpoint import (
    Endpoint,
    check_region,
    partition_of,
    read_partitions,
    resolve,
    shipped_partitions,
)
from codepipeline_client.errors import ConfigurationError

botocore_exceptions = import_module("botocore.exceptions")
botocore_loader = import_module("botocore.loaders").create_loader()
botocore_rules = import_module("botocore.endpoint_provider")
botocore_utils = import_module("botocore.utils")

PARTITIONS_FILE: Final[dict[str, Any]] = botocore_loader.load_data("partitions")
RULE_SET: Final[dict[str, Any]] = botocore_loader.load_service_model("codepipeline", "endpoint-rule-set-1")
LISTED: Final = sorted(region for partition in PARTITIONS_FILE["partitions"] for region in partition["regions"])
NEW: Final = [
    *("eu-utopia-9", "mx-far-42", "cn-far-3", "us-gov-moon-1", "eusc-de-far-2"),
    *("us-iso-far-2", "us-isob-far-2", "eu-isoe-far-2", "us-isof-far-2"),
]
ODD: Final = ["moonbase-1", "local", "us-east", "US-EAST-1", "eu", "1-2-3", "a" * 63, "us-east-1a", "x--y"]
SWITCHES: Final = list(product([False, True], repeat=2))
REGION_LETTERS: Final = ascii_letters + digits + "-"


def theirs(
    region_name: str, *, fips: bool, dualstack: bool, url: str | None = None, partitions: object = PARTITIONS_FILE
) -> str | None:
    """Return the URL by the rule set, and None where the rule set says that it is an error."""
    provider = botocore_rules.EndpointProvider(RULE_SET, partitions)
    wanted: dict[str, object] = {"Region": region_name, "UseFIPS": fips, "UseDualStack": dualstack}
    if url is not None:
        wanted["Endpoint"] = url
    try:
        found: str = provider.resolve_endpoint(**wanted).url
    except botocore_exceptions.EndpointResolutionError:
        return None
    return found


def ours(region_name: str, *, fips: bool, dualstack: bool, url: str | None = None) -> str | None:
    """Return the URL by the package, and None where it says that it is an error."""
    try:
        return resolve(region_name=region_name, use_fips=fips, use_dualstack=dualstack, endpoint_url=url).url
    except ConfigurationError:
        return None


def complaint(url: str, **more: Any) -> str:
    """Return what is said of a URL that must not be used."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(region_name="eu-west-1", endpoint_url=url, **more)
    return str(caught.value)


@pytest.mark.parametrize(("fips", "dualstack"), SWITCHES)
@pytest.mark.parametrize("region_name", [*LISTED, *NEW, *ODD])
def test_each_region_has_the_endpoint_of_the_rule_set(region_name: str, fips: bool, dualstack: bool) -> None:
    """An older botocore says of some partitions that they have no dual stack."""
    expected = theirs(region_name, fips=fips, dualstack=dualstack)
    assert expected or dualstack
    assert ours(region_name, fips=fips, dualstack=dualstack) == expected


@given(region_name=st.text(REGION_LETTERS, min_size=1, max_size=70), switches=st.sampled_from(SWITCHES))
def test_any_valid_region_has_the_endpoint_of_the_rule_set(region_name: str, switches: tuple[bool, bool]) -> None:
    try:
        check_region(region_name)
    except ConfigurationError:
        assume(False)
    fips, dualstack = switches
    assert ours(region_name, fips=fips, dualstack=dualstack) == theirs(region_name, fips=fips, dualstack=dualstack)


@pytest.mark.parametrize(("fips", "dualstack"), SWITCHES)
@pytest.mark.parametrize(("has_fips", "has_dualstack"), SWITCHES)
def test_what_a_partition_lacks_is_an_error_where_the_rule_set_has_one(
    has_fips: bool, has_dualstack: bool, fips: bool, dualstack: bool
) -> None:
    """The partitions of the day all have both, so these are made for the test."""
    poor = [
        row | {"outputs": row["outputs"] | {"supportsFIPS": has_fips, "supportsDualStack": has_dualstack}}
        for row in PARTITIONS_FILE["partitions"]
    ]
    partitions = read_partitions(dumps({"partitions": poor}).encode())
    try:
        url = resolve(region_name="us-iso-east-1", use_fips=fips, use_dualstack=dualstack, partitions=partitions).url
    except ConfigurationError:
        url = None
    assert url == theirs("us-iso-east-1", fips=fips, dualstack=dualstack, partitions={"partitions": poor})


def test_a_lack_is_explained() -> None:
    """Who asked, for what, where, and why it cannot be."""
    poor = [partition._replace(supports_fips=False) for partition in shipped_partitions()]
    with pytest.raises(ConfigurationError) as caught:
        resolve(
            region_name="cn-north-1",
            use_fips=True,
            use_dualstack=True,
            partitions=poor,
            sources={"use_fips_endpoint": "AWS_USE_FIPS_ENDPOINT"},
        )
    assert str(caught.value) == (
        "use_fips_endpoint (from AWS_USE_FIPS_ENDPOINT) cannot be had in region 'cn-north-1': "
        "partition 'aws-cn' does not offer it"
    )


@pytest.mark.parametrize(
    ("region_name", "partition"),
    [
        pytest.param("eu-west-1", "aws", id="listed"),
        pytest.param("eu-utopia-9", "aws", id="by-pattern"),
        pytest.param("moonbase-1", "aws", id="unheard-of"),
        pytest.param("cn-north-1", "aws-cn", id="china"),
        pytest.param("us-gov-west-1", "aws-us-gov", id="govcloud"),
        pytest.param("us-isob-east-1", "aws-iso-b", id="isolated"),
        pytest.param("eusc-de-east-1", "aws-eusc", id="sovereign"),
    ],
)
def test_a_region_belongs_to_one_partition(region_name: str, partition: str) -> None:
    assert partition_of(region_name, shipped_partitions()).name == partition


@given(region_name=st.text(max_size=70) | st.text(REGION_LETTERS, max_size=70) | st.text(digits + "-", max_size=5))
@example(region_name="a" * 63)
@example(region_name="a" * 64)
@example(region_name="0123")
@example(region_name="-eu")
@example(region_name="eu-")
@example(region_name="é")
def test_a_region_name_is_valid_where_botocore_says_so(region_name: str) -> None:
    """Apart from the empty name and a newline at the end, which botocore lets through."""
    assume(region_name and not region_name.endswith("\n") and "fips" not in region_name)
    try:
        botocore_utils.validate_region_name(region_name)
    except botocore_exceptions.InvalidRegionError:
        with pytest.raises(ConfigurationError):
            check_region(region_name)
    else:
        check_region(region_name)


@pytest.mark.parametrize(
    ("region_name", "source", "message"),
    [
        pytest.param(
            "eu west 1",
            "AWS_REGION",
            "region_name 'eu west 1' is not a region (from AWS_REGION): letters, digits and hyphens only",
            id="spaces",
        ),
        pytest.param("", None, "region_name '' is not a region: letters, digits and hyphens only", id="empty"),
        pytest.param(
            "eu-west-1\n",
            None,
            r"region_name 'eu-west-1\n' is not a region: letters, digits and hyphens only",
            id="newline",
        ),
        pytest.param(
            "evil.example/",
            None,
            "region_name 'evil.example/' is not a region: letters, digits and hyphens only",
            id="another-host",
        ),
        pytest.param(
            "42",
            None,
            "region_name '42' is not a region: 63 characters at most, no hyphen at either end, not digits alone",
            id="digits",
        ),
        pytest.param(
            "fips-us-east-1",
            "region in profile 'old'",
            "region_name 'fips-us-east-1' is an old name for a FIPS endpoint (from region in profile 'old'): "
            "use 'us-east-1', and use_fips_endpoint=True",
            id="fips-in-front",
        ),
        pytest.param(
            "us-east-1-fips",
            None,
            "region_name 'us-east-1-fips' is an old name for a FIPS endpoint: "
            "use 'us-east-1', and use_fips_endpoint=True",
            id="fips-behind",
        ),
    ],
)
def test_a_bad_region_is_explained(region_name: str, source: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(region_name=region_name, sources={"region_name": source} if source else {})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        pytest.param("https://pipeline.example", Endpoint(scheme="https", host="pipeline.example"), id="host"),
        pytest.param("https://pipeline.example/", Endpoint(scheme="https", host="pipeline.example"), id="slash"),
        pytest.param("HTTPS://Pipeline.EXAMPLE:443", Endpoint(scheme="https", host="pipeline.example"), id="case"),
        pytest.param("http://a.example:443", Endpoint(scheme="http", host="a.example:443"), id="other-port"),
        pytest.param("http://a.example:", Endpoint(scheme="http", host="a.example"), id="empty-port"),
        pytest.param(
            "https://a.example/aws/v1/", Endpoint(scheme="https", host="a.example", path="/aws/v1/"), id="path"
        ),
        pytest.param(
            "http://localhost:4566", Endpoint(scheme="http", host="localhost:4566", is_loopback=True), id="localhost"
        ),
        pytest.param("http://LocalHost.", Endpoint(scheme="http", host="localhost.", is_loopback=True), id="rooted"),
        pytest.param(
            "http://aws.localhost",
            Endpoint(scheme="http", host="aws.localhost", is_loopback=True),
            id="under-localhost",
        ),
        pytest.param("http://localhost.example", Endpoint(scheme="http", host="localhost.example"), id="pretender"),
        pytest.param(
            "http://127.1.2.3:80/", Endpoint(scheme="http", host="127.1.2.3", is_loopback=True), id="loopback-net"
        ),
        pytest.param("http://128.0.0.1", Endpoint(scheme="http", host="128.0.0.1"), id="ipv4"),
        pytest.param(
            "http://[::1]:5000", Endpoint(scheme="http", host="[::1]:5000", is_loopback=True), id="loopback-ipv6"
        ),
        pytest.param(
            "http://[::FFFF:127.0.0.1]",
            Endpoint(scheme="http", host="[::ffff:127.0.0.1]", is_loopback=True),
            id="mapped",
        ),
        pytest.param("https://[2001:db8::1]", Endpoint(scheme="https", host="[2001:db8::1]"), id="ipv6"),
    ],
)
def test_a_url_of_ones_own_is_taken_apart(url: str, endpoint: Endpoint) -> None:
    """What the Host header says is what httpx would send, and botocore takes the URL too."""
    found = resolve(region_name="eu-west-1", endpoint_url=url)
    assert found == endpoint
    sent = httpx.Request("POST", f"{found.scheme}://{found.host}{found.path}")
    assert (sent.headers["host"], sent.url.raw_path.decode()) == (found.host, found.path)
    assert botocore_utils.is_valid_uri(url)


@pytest.mark.parametrize(
    ("url", "again"),
    [
        pytest.param("https://a.example/", "https://a.example", id="no-path"),
        pytest.param("http://A.example:8080/x/", "http://a.example:8080/x/", id="path"),
    ],
)
def test_an_endpoint_says_its_url(url: str, again: str) -> None:
    """And that URL names the same endpoint."""
    found = resolve(region_name="eu-west-1", endpoint_url=url)
    assert found.url == again
    assert resolve(region_name="eu-west-1", endpoint_url=found.url) == found


HOSTS: Final = st.text(ascii_letters + digits + "-._:[]", min_size=1, max_size=12) | st.ip_addresses(v=6).map(
    lambda address: f"[{address}]"
)


@given(host=HOSTS, port=st.none() | st.integers(0, 70_000), path=st.text("/aZ9%2F~.: é", max_size=6))
def test_a_url_that_is_taken_is_one_that_botocore_and_httpx_take(host: str, port: int | None, path: str) -> None:
    url = f"http://{host}{'' if port is None else f':{port}'}/{path}"
    try:
        found = resolve(region_name="eu-west-1", endpoint_url=url)
    except ConfigurationError:
        return
    assert botocore_utils.is_valid_uri(url)
    assert httpx.Request("POST", found.url).headers["host"] == found.host


@given(host=HOSTS)
def test_a_host_that_botocore_refuses_is_refused(host: str) -> None:
    try:
        valid = botocore_utils.is_valid_uri(f"http://{host}/")
    except ValueError:
        valid = False
    if not valid:
        assert ours("eu-west-1", fips=False, dualstack=False, url=f"http://{host}/") is None


@pytest.mark.parametrize(
    ("url", "shown", "rule"),
    [
        pytest.param("localhost:4566", "localhost:4566", "it must begin with https:// or http://", id="no-scheme"),
        pytest.param("ftp://a.example", "ftp://a.example", "it must begin with https:// or http://", id="ftp"),
        pytest.param("", "", "it must begin with https:// or http://", id="empty"),
        pytest.param(f"x{'a' * 90_000}", f"x{'a' * 299}…", "it must begin with https:// or http://", id="long"),
        pytest.param(
            "https://me:planted@a.example/x",
            "***@a.example/x",
            "it cannot hold a user name or a password; keys belong into credentials",
            id="userinfo",
        ),
        pytest.param(
            "https://a.example/?planted", "https://a.example/", "it cannot have a query or a fragment", id="query"
        ),
        pytest.param(
            "https://a.example#planted", "https://a.example", "it cannot have a query or a fragment", id="fragment"
        ),
        pytest.param(
            "https://me:planted", "https://me:***", "its host or its port is not valid", id="password-as-port"
        ),
        pytest.param("https://a.example:0", "https://a.example:0", "its host or its port is not valid", id="port-0"),
        pytest.param("http://a:65536", "http://a:65536", "its host or its port is not valid", id="port-too-high"),
        pytest.param("https://", "https://", "its host or its port is not valid", id="no-host"),
        pytest.param("https://[::1", "https://[::1", "its host or its port is not valid", id="open-bracket"),
        pytest.param("https://[::g]", "https://[::g]", "its host or its port is not valid", id="bad-ipv6"),
        pytest.param(
            "https://[v1.a:b]", "https://[v1.a:b]", "its host or its port is not valid", id="ip-of-the-future"
        ),
        pytest.param("http://[fe80::1%25e]", "http://[fe80::1%25e]", "its host or its port is not valid", id="zone"),
        pytest.param("http://x[::1]", "http://x[::1]", "its host or its port is not valid", id="before-bracket"),
        pytest.param("http://[::1]x", "http://[::1]x", "its host or its port is not valid", id="behind-bracket"),
        pytest.param("https://my_host", "https://my_host", "its host or its port is not valid", id="underscore"),
        pytest.param("https://a..b", "https://a..b", "its host or its port is not valid", id="empty-label"),
        pytest.param(
            f"https://{'a.' * 128}b", f"https://{'a.' * 128}b", "its host or its port is not valid", id="too-long"
        ),
        pytest.param("https://a.example/%zz", "https://a.example/%zz", "its path is not valid", id="path"),
        pytest.param(
            "https://a.example\n",
            r"https://a.example\n",
            "spaces, control characters and letters beyond ASCII cannot be in a URL",
            id="newline",
        ),
        pytest.param(
            "https://bücher.example",
            "https://bücher.example",
            "spaces, control characters and letters beyond ASCII cannot be in a URL",
            id="beyond-ascii",
        ),
    ],
)
def test_a_bad_url_is_explained_without_what_may_be_secret(url: str, shown: str, rule: str) -> None:
    said = complaint(url, sources={"endpoint_url": "AWS_ENDPOINT_URL"})
    assert said == f"endpoint_url '{shown}' cannot be used (from AWS_ENDPOINT_URL): {rule}"
    assert "planted" not in said


@pytest.mark.parametrize(("fips", "dualstack"), SWITCHES)
def test_a_url_of_ones_own_excludes_fips_and_dualstack_as_in_the_rule_set(fips: bool, dualstack: bool) -> None:
    url = "http://localhost:4566"
    assert ours("eu-west-1", fips=fips, dualstack=dualstack, url=url) == theirs(
        "eu-west-1", fips=fips, dualstack=dualstack, url=url
    )


def test_the_contradiction_is_explained() -> None:
    """Both sides say where they came from: one of them is often a forgotten variable."""
    sources = {"use_fips_endpoint": "AWS_USE_FIPS_ENDPOINT", "endpoint_url": "endpoint_url in profile 'local'"}
    assert complaint("http://localhost:4566/", use_fips=True, use_dualstack=True, sources=sources) == (
        "endpoint_url 'http://localhost:4566/' (from endpoint_url in profile 'local') cannot go with "
        "use_fips_endpoint (from AWS_USE_FIPS_ENDPOINT) and use_dualstack_endpoint: choose one or the other"
    )


def test_a_password_in_a_url_is_in_no_local_variable_of_the_package() -> None:
    """Error trackers collect the variables of every frame."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(region_name="eu-west-1", endpoint_url=SecretText("https://me:planted@a.example:x"))
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    inside = [frame for frame in frames if Path(frame.filename).name == "endpoint.py"]
    assert inside
    assert "planted" not in repr([(frame.line, frame.locals) for frame in inside])
    assert caught.value.__context__ is None


@pytest.mark.parametrize("spec_origin", [pytest.param(None, id="hollow"), pytest.param("/absent/x.py", id="no-file")])
def test_a_broken_botocore_is_a_configuration_error(spec_origin: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a bundle that was made without data files."""
    hollow = ModuleType("botocore")
    hollow.__spec__ = import_module("importlib.machinery").ModuleSpec("botocore", None, origin=spec_origin)
    monkeypatch.setitem(sys.modules, "botocore", hollow)
    shipped_partitions.cache_clear()
    with pytest.raises(ConfigurationError, match=r"partitions\.json is not there: install botocore again"):
        resolve(region_name="eu-west-1")
