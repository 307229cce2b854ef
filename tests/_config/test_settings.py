"""Settings: the same values as botocore finds, from the same places, and errors that say where a bad one came from."""

from __future__ import annotations

import os
import pickle
import ssl
import subprocess
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._config.settings import ClientArguments, Settings, check
from codepipeline_client._config.settings import resolve as resolve_settings
from codepipeline_client._config.sources import Environment
from codepipeline_client.errors import ConfigurationError
from tests._config.test_endpoint import RULES

botocore_config = import_module("botocore.configprovider")
botocore_exceptions = import_module("botocore.exceptions")
botocore_http = import_module("botocore.httpsession")
botocore_session = import_module("botocore.session")
botocore_utils = import_module("botocore.utils")

PLANTED: Final = "planted-secret"
Found = tuple[str, str, str | None]
"""URL, region and app id. None in its place is an error, whatever its words."""


def resolve(arguments: ClientArguments, environ: Mapping[str, str]) -> Settings:
    return resolve_settings(arguments, Environment(environ))


def ours(environ: Mapping[str, str], profile_name: str | None = None) -> Found | None:
    try:
        settings = resolve(ClientArguments(profile_name=profile_name), environ)
    except ConfigurationError:
        return None
    return str(settings.endpoint.url), settings.region_name, settings.user_agent_app_id


def theirs(environ: Mapping[str, str], profile_name: str | None = None) -> Found | None:
    """Ask botocore's session, then the service's rule set. botocore does not know AWS_REGION and empty variables."""
    region_name = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {**environ, "AWS_DEFAULT_REGION": region_name}.items():
            if text:
                patch.setenv(name, text)
        try:
            session = botocore_session.Session(profile=profile_name)
            look_up = session.get_config_variable
            url = botocore_config.ConfiguredEndpointProvider(
                session.full_config, session.get_scoped_config(), "codepipeline"
            )
            wanted: dict[str, Any] = {
                "Region": look_up("region"),
                "Endpoint": None if look_up("ignore_configured_endpoint_urls") else url.provide(),
                "UseFIPS": look_up("use_fips_endpoint") or False,
                "UseDualStack": look_up("use_dualstack_endpoint") or False,
            }
            endpoint = RULES.resolve_endpoint(**{name: value for name, value in wanted.items() if value is not None})
        except botocore_exceptions.BotoCoreError:
            return None
        return wanted["Region"] and (endpoint.url, wanted["Region"], look_up("user_agent_appid"))


def write(folder: Path, config: str | None = None, credentials: str | None = None) -> dict[str, str]:
    """Write the shared files that are given, and return the environment that names both."""
    named: dict[str, str] = {}
    for variable, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
        path = folder / variable.lower()
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        named[variable] = str(path)
    return named


def complaint(environ: Mapping[str, str], **arguments: Any) -> str:
    """
    Return what is said of settings that cannot be used.

    No secret is in it, in a variable of a frame of the package, in a pickle, or in what it was caused by.
    """
    environ = {**environ, "AWS_SECRET_ACCESS_KEY": PLANTED, "AWS_SESSION_TOKEN": PLANTED}
    with pytest.raises(ConfigurationError) as caught:
        resolve(ClientArguments(**arguments), environ)
    error = caught.value
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    inside = [frame.locals for frame in frames if frame.filename != __file__]
    assert inside
    assert PLANTED not in repr(inside) + str(error) + repr(pickle.dumps(error))
    assert error.__cause__ is error.__context__ is None
    return str(error)


DEFAULT: Final = "[default]\nregion = eu-west-1\n"
EU: Final = "https://codepipeline.eu-west-1.amazonaws.com"
LOCAL: Final = "http://localhost:4566"
SERVICES: Final = (
    DEFAULT
    + "services = local\nendpoint_url = http://localhost:1\n"
    + "[services local]\ncodepipeline =\n  endpoint_url = http://localhost:4566\ns3 =\n  endpoint_url = http://localhost:2\n"
)
SSO: Final = (
    "sso_session = corp\nsso_account_id = 1\nsso_role_name = r\n"
    "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example/start\n"
)
EITHER: Final = {"AWS_ENDPOINT_URL": "http://localhost:3", "AWS_ENDPOINT_URL_CODEPIPELINE": LOCAL}
REGION: Final = {"AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("config", "credentials", "environ", "url"),
    [
        pytest.param('[profile "my dev"]\nregion = eu-west-1', None, {"AWS_PROFILE": "my dev"}, EU, id="spaces"),
        pytest.param(DEFAULT + SSO, None, {}, EU, id="sso-session"),
        pytest.param(SERVICES, None, EITHER, LOCAL, id="endpoint-variable-of-service"),
        pytest.param(DEFAULT, None, {"AWS_ENDPOINT_URL_S3": LOCAL}, EU, id="endpoint-variable-of-another-service"),
        pytest.param(DEFAULT, None, {"AWS_DEFAULT_PROFILE": "default", "AWS_PROFILE": "x"}, EU, id="profile-variables"),
        pytest.param(DEFAULT, SERVICES.partition("[services")[0], {}, None, id="services-in-the-credentials-file"),
        pytest.param("region = eu-west-1", None, {}, None, id="no-section-header"),
        pytest.param(DEFAULT, "[default\n", {}, None, id="credentials-file-broken"),
    ],
)
def test_a_setting_is_found_where_botocore_finds_it(
    config: str | None, credentials: str | None, environ: dict[str, str], url: str | None, tmp_path: Path
) -> None:
    environ = environ | write(tmp_path, config, credentials)
    found = ours(environ)
    assert (found and found[0]) == url
    assert found == theirs(environ)


def lines(keys: Mapping[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """Some of the keys, as lines of a section."""
    some = st.fixed_dictionaries({}, optional=dict(keys))
    return some.map(lambda chosen: "".join(f"{key} = {text}\n" for key, text in chosen.items()))


REGIONS: Final = st.sampled_from(["eu-west-1", "us-gov-east-1", "cn-north-1", "moonbase-1"])
URLS: Final = st.sampled_from(["http://localhost:4566", "https://a.example", "https://b.example:8443/x"])
BOOLEANS: Final = st.sampled_from(["true", "false", "True", "FALSE"])
PROFILES: Final = st.sampled_from(["default", "dev", "gone"])
SWITCHES: Final = ("use_fips_endpoint", "use_dualstack_endpoint", "ignore_configured_endpoint_urls")
KEYS: Final = {
    **dict.fromkeys(SWITCHES, BOOLEANS),
    "region": REGIONS,
    "endpoint_url": URLS,
    "services": st.sampled_from(["local", "gone"]),
    "sdk_ua_app_id": st.sampled_from(["a", "b"]),
    "aws_access_key_id": st.just("AKID"),
}
VARIABLES: Final = {
    **dict.fromkeys((f"AWS_{name.upper()}" for name in SWITCHES), BOOLEANS),
    **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), REGIONS | st.just("")),
    **dict.fromkeys(("AWS_PROFILE", "AWS_DEFAULT_PROFILE"), PROFILES | st.just("")),
    **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CODEPIPELINE"), URLS),
    "AWS_SDK_UA_APP_ID": st.sampled_from(["c", ""]),
}


@given(
    environ=st.fixed_dictionaries({}, optional=VARIABLES),
    sections=st.tuples(lines(KEYS), lines(KEYS), lines({"endpoint_url": URLS}), lines(KEYS)),
    profile_name=st.none() | PROFILES,
)
def test_any_mixture_gives_what_botocore_makes_of_it(
    environ: dict[str, str],
    sections: tuple[str, str, str, str],
    profile_name: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    default, dev, services, credentials = sections
    indented = services and f"codepipeline =\n  {services}"
    config = f"[default]\n{default}[profile dev]\n{dev}[services local]\ns3 =\n  a = b\n{indented}"
    environ |= write(tmp_path_factory.getbasetemp(), config, f"[default]\n{credentials}")
    assert ours(environ, profile_name) == theirs(environ, profile_name)


def test_an_argument_comes_before_everything(tmp_path: Path) -> None:
    environ = write(tmp_path, SERVICES + "[profile dev]\nregion = eu-north-1\n") | EITHER
    environ |= {"AWS_REGION": "us-east-1", "AWS_PROFILE": "default", "AWS_USE_FIPS_ENDPOINT": "true"}
    environ |= {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_SDK_UA_APP_ID": "theirs"}
    environ |= {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    arguments = ClientArguments(
        region_name="eu-central-1",
        profile_name="dev",
        endpoint_url="https://mine.example/x",
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
        user_agent_app_id="mine",
    )
    found = resolve(arguments, environ)
    expected = ("eu-central-1", "https://mine.example/x", "mine")
    assert (found.region_name, str(found.endpoint.url), found.user_agent_app_id) == expected


@pytest.mark.parametrize(
    "named", [".aws/config", "~/moved", "$HOME/moved" if os.name == "posix" else "%USERPROFILE%/moved"]
)
def test_the_shared_files_are_in_the_home_folder_unless_named_elsewhere(named: str, home: Path) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    path = home / (named if named.startswith(".") else "moved")
    path.write_text(DEFAULT, encoding="utf-8")
    try:
        environ = {"AWS_CONFIG_FILE": "" if named.startswith(".") else named}
        assert resolve(ClientArguments(), environ).region_name == "eu-west-1"
    finally:
        path.unlink()


def test_the_files_are_read_without_a_botocore_session(tmp_path: Path) -> None:
    """It takes ten times as long to load."""
    program = (
        "import sys\nfrom codepipeline_client._config.settings import ClientArguments, Environment, resolve\n"
        f"resolve(ClientArguments(), Environment({write(tmp_path, DEFAULT)!r}))\nprint(*sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    loaded = set(output.stdout.split())
    assert "botocore.configloader" in loaded
    assert not loaded & {"botocore.session", "botocore.client", "botocore.credentials"}


CANNOT_BE_READ: Final = "the file {AWS_CONFIG_FILE} cannot be read"
PROXY_RULE: Final = "the URL of a proxy is expected, such as http://proxy.example:3128 (the value is not shown)"
SECRETS: Final = f"aws_access_key_id = AKID\naws_secret_access_key = {PLANTED}\n"
BAD_SETTINGS: Final[dict[str, tuple[str | None, dict[str, str], str]]] = {
    "no-region": (
        None,
        {},
        "no region: neither region_name, AWS_REGION, AWS_DEFAULT_REGION nor region in profile 'default' is set; give",
    ),
    "profile-gone": (
        f"{DEFAULT}{SECRETS}[profile dev]\n{SECRETS}",
        {"AWS_PROFILE": "x"},
        "profile 'x' does not exist (from AWS_PROFILE): {AWS_CONFIG_FILE} and {OTHER} have 'default', 'dev'",
    ),
    "boolean": (
        DEFAULT,
        {"AWS_USE_FIPS_ENDPOINT": "yes"},
        "use_fips_endpoint 'yes' cannot be used (from AWS_USE_FIPS_ENDPOINT): true or false is expected",
    ),
    "fips-and-a-url": (
        DEFAULT + "use_fips_endpoint = true",
        {"AWS_ENDPOINT_URL": LOCAL},
        f"endpoint_url '{LOCAL}' (from AWS_ENDPOINT_URL) cannot be combined with use_fips_endpoint (from use_",
    ),
    "region": ("[default]\nregion = a b", {}, "region_name 'a b' is not a region (from region in profile 'default'): "),
    "group-for-a-value": (
        "[profile dev]\nregion =\n  a = b",
        {"AWS_PROFILE": "dev"},
        "region in profile 'dev' has indented lines below it: one value is expected",
    ),
    "value-for-a-group": (
        DEFAULT + "services = local\n[services local]\ncodepipeline = http://localhost:4566",
        {},
        "codepipeline in [services local] must have indented lines below it, not a value",
    ),
    "services-gone": (
        DEFAULT + SECRETS + "services = gone",
        {},
        "the config file has no section [services gone] (named by services in profile 'default')",
    ),
    "no-value": ("[default]\nnonsense\n", {}, f"{CANNOT_BE_READ}: see line 2"),
    "no-nested-value": ("[default]\nx =\n  y", {}, CANNOT_BE_READ),
    "not-text": ("[default]\nregion = \udcff\udcfe", {}, CANNOT_BE_READ),
    "no-section": (SECRETS, {}, f"{CANNOT_BE_READ}: see line 1"),
    "line-with-a-secret": (f"[default]\naws_secret_access_key {PLANTED}", {}, f"{CANNOT_BE_READ}: see line 2"),
    "retry-mode": (
        DEFAULT,
        {"AWS_RETRY_MODE": "often"},
        "retry_mode 'often' cannot be used (from AWS_RETRY_MODE): standard, adaptive or off is expected",
    ),
    "attempts": (
        DEFAULT + "max_attempts = -1",
        {},
        "max_attempts '-1' cannot be used (from max_attempts in profile 'default'): a whole number from 1 to 9999 is e",
    ),
    "url": (
        DEFAULT,
        {"AWS_ENDPOINT_URL": f"http://me:{PLANTED}@a.example"},
        "endpoint_url '***@a.example' (from AWS_ENDPOINT_URL) cannot be used: it contains a user name or password",
    ),
    "ca-file": (DEFAULT, {"AWS_CA_BUNDLE": "/x"}, "the CA file '/x' does not exist (from AWS_CA_BUNDLE)"),
}


@pytest.mark.parametrize(("config", "environ", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_is_explained_without_secrets(
    config: str | None, environ: dict[str, str], message: str, tmp_path: Path
) -> None:
    named = write(tmp_path, config, f"[default]\n{SECRETS}")
    expected = message.format(**named, OTHER=named["AWS_SHARED_CREDENTIALS_FILE"])
    assert complaint(environ | named).startswith(expected)


def test_an_argument_that_names_nothing_there_is_explained(tmp_path: Path) -> None:
    environ = REGION | write(tmp_path)
    assert complaint(environ, profile_name="prod").endswith(" have no profiles")
    assert complaint(environ, verify="/absent") == "the CA file '/absent' does not exist (from verify)"


def test_an_empty_group_and_an_empty_argument_say_nothing(tmp_path: Path) -> None:
    environ = write(tmp_path, DEFAULT + "services = local\n[services local]\ncodepipeline =\n")
    found = resolve(ClientArguments(user_agent_app_id=""), environ | {"AWS_SDK_UA_APP_ID": "theirs"})
    assert (str(found.endpoint.url), found.user_agent_app_id) == (EU, None)


def test_retries_are_found_like_any_setting(tmp_path: Path) -> None:
    """Argument, environment, profile, default. All SDKs have made their legacy mode the standard one."""

    def found(config: str = "", environ: dict[str, str] | None = None, **arguments: Any) -> tuple[str, int, bool]:
        settings = resolve(ClientArguments(**arguments), write(tmp_path, DEFAULT + config) | (environ or {}))
        return settings.retry_mode, settings.max_attempts, settings.correct_clock_skew

    config = "retry_mode = legacy\nmax_attempts = 4\ndisable_clock_skew_correction = true"
    environ = {"AWS_RETRY_MODE": "Adaptive", "AWS_MAX_ATTEMPTS": "05", "AWS_DISABLE_CLOCK_SKEW_CORRECTION": "FALSE"}
    assert found() == ("standard", 3, True)
    assert found(config) == ("standard", 4, False)
    assert found(config, environ) == ("adaptive", 5, True)
    assert found(config, environ, retry_mode="off", max_attempts=9) == ("off", 9, True)


CA_PLACES: Final = ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.mark.parametrize("first", range(len(CA_PLACES)), ids=CA_PLACES)
def test_the_ca_file_is_taken_from_the_first_place_that_has_one(first: int, tmp_path: Path) -> None:
    """A profile's file counts even where the environment is not trusted."""
    paths = {place: tmp_path / f"{place}.pem" for place in CA_PLACES[first:]}
    for path in paths.values():
        path.touch()
    environ = {place: str(path) for place, path in paths.items() if place.isupper()}
    environ |= write(tmp_path, DEFAULT + (f"ca_bundle = {paths['ca_bundle']}" if "ca_bundle" in paths else ""))
    assert resolve(ClientArguments(), environ).ca_file == str(paths[CA_PLACES[first]])
    of_profile = str(paths["ca_bundle"]) if "ca_bundle" in paths else None
    assert resolve(ClientArguments(trust_env=False), environ).ca_file == of_profile


def test_a_ca_file_may_be_in_the_home_folder(home: Path) -> None:
    path = home / "ca.pem"
    path.touch()
    settings = resolve(ClientArguments(verify="~/ca.pem"), REGION | {"AWS_CA_BUNDLE": "/absent"})
    assert settings.ca_file
    assert Path(settings.ca_file) == path


def test_a_ca_file_is_looked_for_where_it_is_needed() -> None:
    environ = REGION | {"SSL_CERT_FILE": "/absent/ca.pem"}
    for unneeded in ({"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, {"endpoint_url": LOCAL}):
        arguments: dict[str, Any] = unneeded
        assert resolve(ClientArguments(**arguments), environ).ca_file is None
    problem = complaint(environ, endpoint_url="http://a.example", proxy="HTTPS://proxy.example")
    assert "does not exist (from SSL_CERT_FILE)" in problem
    assert resolve(ClientArguments(), REGION | {"SSL_CERT_DIR": f"/absent{os.pathsep}/"}).ca_file  # a list


PROXY_URLS: Final = ("", "a.example:3128", "//a.example", "http://me:x@a.example:1", "https://a.example")
NO_PROXY: Final = ("", "*", "example", ".example", "a.example:8443", " b.example , A.EXAMPLE ", "xa.example,,", "*,x")
PROXY_VARIABLES: Final = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), st.sampled_from(PROXY_URLS)),
    **dict.fromkeys(("ALL_PROXY", "all_proxy", "REQUEST_METHOD"), st.sampled_from(PROXY_URLS)),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), st.sampled_from(NO_PROXY)),
}
HOSTS: Final = ("a.example", "b.a.example:8443", "xa.example", "[2001:db8::1]:8443", "10.0.0.1", "A.Example:8443")


@given(
    variables=st.fixed_dictionaries({}, optional=PROXY_VARIABLES),
    scheme=st.sampled_from(["https", "http"]),
    host=st.sampled_from(HOSTS),
)
@example(variables={"HTTPS_PROXY": "a.example", "https_proxy": ""}, scheme="https", host="b.example")
@example(variables={"HTTP_PROXY": "a.example", "REQUEST_METHOD": ""}, scheme="http", host="b.example")
@example(variables={"HTTPS_PROXY": "a.example", "NO_PROXY": "example:8443"}, scheme="https", host="b.example:8443")
@example(variables={"ALL_PROXY": "a.example", "no_proxy": "", "NO_PROXY": "*"}, scheme="https", host="b.example")
def test_the_proxy_is_the_one_that_botocore_would_use(variables: dict[str, str], scheme: str, host: str) -> None:
    """Except that it knows no ALL_PROXY, which Python's own rules put under "all"."""
    url = f"{scheme}://{host}"
    with pytest.MonkeyPatch.context() as patch:
        for name, text in variables.items():
            patch.setenv(name, text)
        environ = dict(os.environ)
        by_scheme = botocore_utils.get_environ_proxies(url)
    chosen = {scheme: by_scheme.get(scheme) or by_scheme.get("all")}
    expected = botocore_http.ProxyConfiguration(chosen).proxy_url_for(url)
    arguments: dict[str, Any] = {"region_name": "eu-west-1", "endpoint_url": url}
    assert resolve(ClientArguments(**arguments), environ).proxy_url == expected
    assert resolve(ClientArguments(**arguments, trust_env=False), environ).proxy_url is None
    mine = resolve(ClientArguments(**arguments, trust_env=False, proxy="mine.example"), environ)
    assert mine.proxy_url == "http://mine.example"


@pytest.mark.parametrize("host", ["localhost:4566", "127.0.0.1", "[::1]:80", "aws.localhost"])
def test_loopback_needs_no_proxy_but_may_have_one(host: str) -> None:
    environ: dict[str, str] = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://proxy.example:3128")
    loopback: dict[str, Any] = {"region_name": "eu-west-1", "endpoint_url": f"http://{host}"}
    assert resolve(ClientArguments(**loopback), environ).proxy_url is None
    assert resolve(ClientArguments(**loopback, proxy="other.example:1"), environ).proxy_url == "http://other.example:1"


def test_a_socks_proxy_is_admitted_from_both_places_and_its_password_is_in_no_repr() -> None:
    """botocore admits none, so it is no oracle here."""
    proxy = f"socks5h://me:{PLANTED}@proxy.example"
    arguments = ClientArguments(proxy=proxy)
    check(arguments)
    for settings in (resolve(arguments, REGION), resolve(ClientArguments(), REGION | {"ALL_PROXY": proxy})):
        assert settings.proxy_url == proxy
        assert PLANTED not in repr([arguments, arguments.proxy, settings, settings.proxy_url])


@pytest.mark.parametrize(
    "form",
    ["socks4://me:{}@a.test", "http://me:{}", "http://me:{}@a.test:0", "http://me:{}@[::1", "a:{}@b\n", "a:{}é@b"],
)
def test_a_bad_proxy_is_explained_without_its_password(form: str) -> None:
    proxy = form.format(PLANTED)
    assert complaint(REGION | {"https_proxy": proxy}) == f"https_proxy cannot be used: {PROXY_RULE}"
    with pytest.raises(ConfigurationError) as caught:
        check(ClientArguments(proxy=proxy))
    assert str(caught.value) == f"proxy cannot be used: {PROXY_RULE}"
