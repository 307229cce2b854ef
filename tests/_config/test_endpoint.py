"""Endpoints: equal to what the service's own rule set says in botocore, errors included, and careful with URLs."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import product
from string import ascii_letters, digits
from types import ModuleType
from typing import Any, Final

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from codepipeline_client._config import endpoint
from codepipeline_client._config.endpoint import Endpoint, check_region, partitions
from codepipeline_client._config.sources import ResolvedSetting
from codepipeline_client.errors import ConfigurationError

botocore_exceptions = import_module("botocore.exceptions")
botocore_loader = import_module("botocore.loaders").create_loader()
botocore_rules = import_module("botocore.endpoint_provider")
botocore_utils = import_module("botocore.utils")

PARTITIONS: Final[dict[str, Any]] = botocore_loader.load_data("partitions")
RULE_SET: Final[dict[str, Any]] = botocore_loader.load_service_model("codepipeline", "endpoint-rule-set-1")
RULES: Final = botocore_rules.EndpointProvider(RULE_SET, PARTITIONS)
REGIONS: Final = [
    *sorted(region for partition in PARTITIONS["partitions"] for region in partition["regions"]),
    *("eu-utopia-9", "mx-far-42", "cn-far-3", "us-gov-moon-1", "eusc-de-far-2"),
    *("us-iso-far-2", "us-isob-far-2", "eu-isoe-far-2", "us-isof-far-2"),
    *("moonbase-1", "local", "us-east", "US-EAST-1", "eu", "1-2-3", "a" * 63, "us-east-1a", "x--y"),
]
SWITCHES: Final = list(product([False, True], repeat=2))
REGION_LETTERS: Final = ascii_letters + digits + "-"


def theirs(region_name: str, fips: bool, dualstack: bool, data: object = None) -> str | None:
    """Return the URL by the rule set. None where the rule set says that it is an error."""
    provider = botocore_rules.EndpointProvider(RULE_SET, data) if data else RULES
    try:
        found: str = provider.resolve_endpoint(Region=region_name, UseFIPS=fips, UseDualStack=dualstack).url
    except botocore_exceptions.EndpointResolutionError:
        return None
    return found


def resolve(region_name: str = "eu-west-1", fips: bool = False, dualstack: bool = False, url: Any = None) -> Endpoint:
    switches = {"use_fips_endpoint": " (from AWS_USE_FIPS_ENDPOINT)"} if fips else {}
    switches |= {"use_dualstack_endpoint": ""} if dualstack else {}
    return endpoint.resolve(region_name, ResolvedSetting(url, " (from AWS_ENDPOINT_URL)"), switches)


def ours(*arguments: Any) -> httpx.URL | None:
    """Return the URL by the package. None for an error."""
    try:
        return resolve(*arguments).url
    except ConfigurationError:
        return None


@pytest.mark.parametrize("region_name", REGIONS)
def test_each_region_has_the_endpoint_of_the_rule_set(region_name: str) -> None:
    """An older botocore says of some partitions that they have no dual stack."""
    for fips, dualstack in SWITCHES:
        expected = theirs(region_name, fips, dualstack)
        assert expected or dualstack
        assert ours(region_name, fips, dualstack) == expected


@given(region_name=st.text(REGION_LETTERS, max_size=70) | st.text(digits + "-", max_size=5) | st.text(max_size=3))
@example(region_name="a" * 63)
@example(region_name="a" * 64)
@example(region_name="0123")
@example(region_name="-eu")
@example(region_name="eu-")
@example(region_name="eu west é")
def test_a_region_name_is_valid_where_botocore_says_so(region_name: str) -> None:
    """Apart from the empty name and a newline at the end, which botocore lets through."""
    assume(region_name and not region_name.endswith("\n") and "fips" not in region_name)
    try:
        botocore_utils.validate_region_name(region_name)
    except botocore_exceptions.InvalidRegionError:
        with pytest.raises(ConfigurationError, match=r"is not a region \(from AWS_REGION\): letters, digits"):
            check_region(region_name, origin=" (from AWS_REGION)")
    else:
        check_region(region_name)
        assert ours(region_name, True, True) == theirs(region_name, True, True)


@pytest.mark.parametrize("region_name", ["", "eu-west-1\n", "evil.example/"])
def test_a_region_that_botocore_would_put_into_a_host_is_refused(region_name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a region: letters, digits and hyphens only"):
        check_region(region_name)


@pytest.mark.parametrize(("fips", "dualstack"), SWITCHES)
@pytest.mark.parametrize(("has_fips", "has_dualstack"), SWITCHES)
def test_what_a_partition_lacks_is_an_error_where_the_rule_set_has_one(
    has_fips: bool, has_dualstack: bool, fips: bool, dualstack: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Today's partitions all have both, so these are made for the test."""
    poor = [
        row | {"outputs": row["outputs"] | {"supportsFIPS": has_fips, "supportsDualStack": has_dualstack}}
        for row in PARTITIONS["partitions"]
    ]
    monkeypatch.setattr(endpoint, "partitions", lambda: poor)
    expected = theirs("cn-north-1", fips, dualstack, data={"partitions": poor})
    assert ours("cn-north-1", fips, dualstack) == expected
    if expected is None:
        with pytest.raises(ConfigurationError, match="'cn-north-1': not offered in partition 'aws-cn'"):
            resolve("cn-north-1", fips, dualstack)


URLS: Final = ("HTTPS://A.EXAMPLE/", "https://a.example:443", "http://a.example:443", "https://a.example/aws/v1/")


@pytest.mark.parametrize("url", [*URLS, "https://xn--bcher-kva.example"])
def test_a_url_says_where_requests_go(url: str) -> None:
    """The host is what httpx would send in the Host header, and botocore takes the URL too."""
    sent = httpx.Request("POST", url)
    found = resolve(url=url)
    assert found == Endpoint(sent.url) == resolve(url=str(found.url))
    assert found.url.netloc.decode() == sent.headers["host"]
    assert botocore_utils.is_valid_uri(url)


LOOPBACK: Final = ("localhost:4566", "LocalHost.", "aws.localhost", "127.1.2.3:80", "[::1]:50", "[::ffff:127.0.0.1]")


@pytest.mark.parametrize("host", [*LOOPBACK, "localhost.example", "128.0.0.1", "[2001:db8::1]"])
def test_a_host_is_loopback_by_its_address_or_by_the_reserved_name(host: str) -> None:
    assert resolve(url=f"http://{host}").is_loopback is (host in LOOPBACK)


HOSTS: Final = st.text(ascii_letters + digits + "-._:[]", min_size=1, max_size=12) | st.ip_addresses(v=6).map(
    lambda address: f"[{address}]"
)


@given(host=HOSTS, port=st.none() | st.integers(0, 70_000), path=st.text("/aZ9%2F~.: é", max_size=6))
def test_a_url_that_is_taken_is_one_that_botocore_and_httpx_take(host: str, port: int | None, path: str) -> None:
    url = f"http://{host}{'' if port is None else f':{port}'}/{path}"
    found = ours("eu-west-1", False, False, url)
    assume(found)
    assert botocore_utils.is_valid_uri(url)
    assert httpx.Request("POST", str(found)).headers["host"] == resolve(url=url).url.netloc.decode()


SCHEME: Final = "it must begin with https:// or http://"
HOST: Final = "its host or its port is not valid"
USER: Final = "it contains a user name or password; pass credentials= instead"
LETTERS: Final = "a URL cannot contain spaces, control characters or non-ASCII letters"


@pytest.mark.parametrize(
    ("url", "shown", "rule"),
    [
        ("localhost:4566", "localhost:4566", SCHEME),
        pytest.param(f"x{'a' * 90_000}", f"x{'a' * 299}", HOST, id="long"),
        ("https://me:planted@a.example/x", "***@a.example/x", USER),
        ("https://a.example/?planted", "https://a.example/", "it cannot have a query or a fragment"),
        ("https://me:planted", "https://me:***", HOST),
        ("https://a.example:0", "https://a.example:0", HOST),
        ("http://a:65536", "http://a:65536", HOST),
        ("https://", "https://", HOST),
        ("http://[fe80::1%25e]", "http://[fe80::1%25e]", HOST),
        ("https://my_host", "https://my_host", HOST),
        ("https://a..b", "https://a..b", HOST),
        ("https://xn--", "https://xn--", HOST),
        ("https://a.example\n", r"https://a.example\n", LETTERS),
        ("https://bücher.example", "https://bücher.example", LETTERS),
    ],
)
def test_a_bad_url_is_explained_without_what_may_be_secret(url: str, shown: str, rule: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(url=url)
    assert str(caught.value) == f"endpoint_url '{shown}' (from AWS_ENDPOINT_URL) cannot be used: {rule}"
    assert "planted" not in str(caught.value)


def test_a_broken_botocore_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a bundle that was made without data files."""
    hollow = ModuleType("botocore")
    hollow.__spec__ = import_module("importlib.machinery").ModuleSpec("botocore", None, origin="/absent/x.py")
    monkeypatch.setitem(sys.modules, "botocore", hollow)
    partitions.cache_clear()
    with pytest.raises(ConfigurationError, match=r"partitions\.json is missing; reinstall botocore"):
        resolve()
