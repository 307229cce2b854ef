"""Settings: the same values as botocore finds, from the same places, and errors that say where a bad one came from."""

from __future__ import annotations

import logging
import os
import pickle
import ssl
import subprocess
import sys
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._config.arguments import ClientArguments, check
from codepipeline_client._config.settings import Settings
from codepipeline_client._config.settings import resolve as resolve_settings
from codepipeline_client._config.sources import Environment
from codepipeline_client.errors import ConfigurationError

botocore_config = import_module("botocore.configprovider")
botocore_exceptions = import_module("botocore.exceptions")
botocore_http = import_module("botocore.httpsession")
botocore_session = import_module("botocore.session")
botocore_utils = import_module("botocore.utils")

PLANTED: Final = "planted-secret"


@frozen
class Found:
    """What ours and theirs are compared by. An error is an error, whatever its words."""

    url: str
    region_name: str
    app_id: str | None
    ca_file: str | None
    proxy_url: str | None


def resolve(arguments: ClientArguments, environ: Mapping[str, str]) -> Settings:
    return resolve_settings(arguments, Environment(environ))


def ours(environ: Mapping[str, str], profile_name: str | None = None) -> Found | None:
    """Resolve by the package; None for a ConfigurationError."""
    try:
        settings = resolve(ClientArguments(profile_name=profile_name), environ)
    except ConfigurationError:
        return None
    return Found(
        settings.endpoint.url,
        settings.region_name,
        settings.user_agent_app_id,
        settings.ca_file,
        settings.proxy_url,
    )


@contextmanager
def their_environment(environ: Mapping[str, str]) -> Generator[None]:
    """Tell botocore the region of AWS_REGION, which it does not read, and nothing of variables that are empty."""
    region_name = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {**environ, "AWS_DEFAULT_REGION": region_name}.items():
            if text:
                patch.setenv(name, text)
        yield


def theirs(environ: Mapping[str, str], profile_name: str | None = None) -> Found | None:
    """Make a botocore client, and look at what it would go by; None for an error."""
    with their_environment(environ):
        try:
            session = botocore_session.Session(profile=profile_name)
            client = session.create_client("codepipeline", aws_access_key_id="AKID", aws_secret_access_key="x")
            if client.meta.config.region_name is None:
                return None
            url = client._ruleset_resolver.construct_endpoint(
                operation_model=client.meta.service_model.operation_model("GetPipelineExecution"),
                call_args={},
                request_context={},
            ).url
        except (botocore_exceptions.BotoCoreError, ValueError):
            return None
    http = client._endpoint.http_session
    return Found(
        url,
        client.meta.config.region_name,
        client.meta.config.user_agent_appid,
        None if http._verify is True else http._verify,
        http._proxy_config.proxy_url_for(url),
    )


LOADER: Final = import_module("botocore.loaders").create_loader()
RULES: Final = import_module("botocore.endpoint_provider").EndpointProvider(
    LOADER.load_service_model("codepipeline", "endpoint-rule-set-1"), LOADER.load_data("partitions")
)


def theirs_by_the_rules(environ: Mapping[str, str], profile_name: str | None) -> Found | None:
    """Ask botocore's session, and then the service's rule set: quicker than a client, and stricter."""
    with their_environment(environ):
        try:
            session = botocore_session.Session(profile=profile_name)
            look_up = session.get_config_variable
            region_name = look_up("region")
            url = botocore_config.ConfiguredEndpointProvider(
                session.full_config, session.get_scoped_config(), "codepipeline"
            )
            wanted = {
                "Region": region_name,
                "Endpoint": None if look_up("ignore_configured_endpoint_urls") else url.provide(),
                "UseFIPS": look_up("use_fips_endpoint") or False,
                "UseDualStack": look_up("use_dualstack_endpoint") or False,
            }
            endpoint = RULES.resolve_endpoint(**{name: value for name, value in wanted.items() if value is not None})
        except botocore_exceptions.BotoCoreError:
            return None
        return region_name and Found(endpoint.url, region_name, look_up("user_agent_appid"), None, None)


@frozen
class Files:
    """The two shared files, and the variables that say where they are."""

    folder: Path

    def write(self, config: str | None = None, credentials: str | None = None) -> dict[str, str]:
        """Write the files that are given, and return the environment that names both."""
        named: dict[str, str] = {}
        for variable, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
            path = self.folder / variable.lower()
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8")
            named[variable] = str(path)
        return named


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def complaint(environ: Mapping[str, str], **arguments: Any) -> str:
    """Return what is said of settings that cannot be used."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(ClientArguments(**arguments), environ)
    return str(caught.value)


@frozen(kw_only=True)
class Case:
    """What the world says, and the region, URL and application that follow. None for an error."""

    config: str | None = None
    credentials: str | None = None
    environ: Mapping[str, str] = {}
    profile_name: str | None = None
    expected: tuple[str, str, str | None] | None


DEFAULT: Final = "[default]\nregion = eu-west-1\n"
DEV: Final = DEFAULT + "[profile dev]\nregion = eu-north-1\n"
EU: Final = "https://codepipeline.eu-west-1.amazonaws.com"
NORTH: Final = "https://codepipeline.eu-north-1.amazonaws.com"
LOCAL: Final = "http://localhost:4566"
SERVICES: Final = (
    DEFAULT
    + "services = local\nendpoint_url = http://localhost:1\n"
    + "[services local]\ncodepipeline =\n  endpoint_url = http://localhost:4566\ns3 =\n  endpoint_url = http://localhost:2\n"
)
EITHER: Final = {"AWS_ENDPOINT_URL": "http://localhost:3", "AWS_ENDPOINT_URL_CODEPIPELINE": LOCAL}

CASES: Final = {
    "nothing": Case(expected=None),
    "aws-region": Case(environ={"AWS_REGION": "eu-west-1"}, expected=(EU, "eu-west-1", None)),
    "aws-default-region": Case(environ={"AWS_DEFAULT_REGION": "eu-west-1"}, expected=(EU, "eu-west-1", None)),
    "aws-region-first": Case(
        environ={"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": "eu-west-1"}, expected=(EU, "eu-west-1", None)
    ),
    "empty-variable": Case(
        environ={"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, expected=(EU, "eu-west-1", None)
    ),
    "config": Case(config=DEFAULT, expected=(EU, "eu-west-1", None)),
    "environment-before-config": Case(
        config=DEFAULT, environ={"AWS_REGION": "eu-north-1"}, expected=(NORTH, "eu-north-1", None)
    ),
    "credentials-file": Case(credentials=DEFAULT, expected=(EU, "eu-west-1", None)),
    "credentials-file-last-word": Case(
        config="[default]\nregion = eu-north-1\nsdk_ua_app_id = mine",
        credentials=DEFAULT,
        expected=(EU, "eu-west-1", "mine"),
    ),
    "profile-argument": Case(config=DEV, profile_name="dev", expected=(NORTH, "eu-north-1", None)),
    "aws-profile": Case(config=DEV, environ={"AWS_PROFILE": "dev"}, expected=(NORTH, "eu-north-1", None)),
    "aws-default-profile": Case(
        config=DEV, environ={"AWS_DEFAULT_PROFILE": "dev"}, expected=(NORTH, "eu-north-1", None)
    ),
    "aws-default-profile-first": Case(
        config=DEV,
        environ={"AWS_PROFILE": "default", "AWS_DEFAULT_PROFILE": "dev"},
        expected=(NORTH, "eu-north-1", None),
    ),
    "profile-argument-first": Case(
        config=DEV, environ={"AWS_PROFILE": "dev"}, profile_name="default", expected=(EU, "eu-west-1", None)
    ),
    "profile-with-spaces": Case(
        config='[profile "my dev"]\nregion = eu-west-1', profile_name="my dev", expected=(EU, "eu-west-1", None)
    ),
    "profile-of-credentials-file": Case(
        credentials="[dev]\nregion = eu-west-1", profile_name="dev", expected=(EU, "eu-west-1", None)
    ),
    "profile-gone": Case(config=DEV, profile_name="prod", expected=None),
    "profile-gone-without-files": Case(environ={"AWS_REGION": "eu-west-1"}, profile_name="prod", expected=None),
    "default-named-but-gone": Case(
        config="[profile dev]\nregion = eu-west-1", environ={"AWS_PROFILE": "default"}, expected=None
    ),
    "sso-session": Case(
        config="[default]\nregion = eu-west-1\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example/start\n",
        expected=(EU, "eu-west-1", None),
    ),
    "nested-of-others": Case(
        config=DEFAULT + "s3 =\n  addressing_style = path\n  max_concurrent_requests = 2\n",
        expected=(EU, "eu-west-1", None),
    ),
    "endpoint-variable-of-service": Case(config=SERVICES, environ=EITHER, expected=(LOCAL, "eu-west-1", None)),
    "endpoint-variable": Case(
        config=SERVICES, environ={"AWS_ENDPOINT_URL": LOCAL}, expected=(LOCAL, "eu-west-1", None)
    ),
    "endpoint-variable-of-another-service": Case(
        config=DEFAULT, environ={"AWS_ENDPOINT_URL_S3": LOCAL}, expected=(EU, "eu-west-1", None)
    ),
    "endpoint-of-services": Case(config=SERVICES, expected=(LOCAL, "eu-west-1", None)),
    "endpoint-of-profile": Case(config=DEFAULT + f"endpoint_url = {LOCAL}", expected=(LOCAL, "eu-west-1", None)),
    "services-without-this-one": Case(
        config=SERVICES.replace("codepipeline =", "codebuild ="), expected=("http://localhost:1", "eu-west-1", None)
    ),
    "services-section-gone": Case(config=DEFAULT + "services = gone", expected=None),
    "services-section-gone-but-not-needed": Case(
        config=DEFAULT + "services = gone", environ={"AWS_ENDPOINT_URL": LOCAL}, expected=(LOCAL, "eu-west-1", None)
    ),
    "services-in-the-credentials-file": Case(
        config=DEFAULT, credentials=SERVICES.partition("[services")[0], expected=None
    ),
    "ignored-by-variable": Case(
        config=SERVICES,
        environ=EITHER | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        expected=(EU, "eu-west-1", None),
    ),
    "ignored-by-profile": Case(
        config=SERVICES.replace("endpoint_url = http://localhost:1\n", "ignore_configured_endpoint_urls = True\n"),
        environ=EITHER,
        expected=(EU, "eu-west-1", None),
    ),
    "ignored-by-profile-not-by-variable": Case(
        config=DEFAULT + "ignore_configured_endpoint_urls = true",
        environ=EITHER | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
        expected=(LOCAL, "eu-west-1", None),
    ),
    "fips-variable": Case(
        config=DEFAULT,
        environ={"AWS_USE_FIPS_ENDPOINT": "TRUE"},
        expected=("https://codepipeline-fips.eu-west-1.amazonaws.com", "eu-west-1", None),
    ),
    "fips-profile": Case(
        config=DEFAULT + "use_fips_endpoint = true",
        expected=("https://codepipeline-fips.eu-west-1.amazonaws.com", "eu-west-1", None),
    ),
    "fips-profile-not-variable": Case(
        config=DEFAULT + "use_fips_endpoint = true",
        environ={"AWS_USE_FIPS_ENDPOINT": "False"},
        expected=(EU, "eu-west-1", None),
    ),
    "dualstack-variable": Case(
        config=DEFAULT,
        environ={"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        expected=("https://codepipeline.eu-west-1.api.aws", "eu-west-1", None),
    ),
    "dualstack-profile-with-fips": Case(
        config=DEFAULT + "use_dualstack_endpoint = True",
        environ={"AWS_USE_FIPS_ENDPOINT": "true"},
        expected=("https://codepipeline-fips.eu-west-1.api.aws", "eu-west-1", None),
    ),
    "app-id-variable": Case(
        config=DEFAULT + "sdk_ua_app_id = theirs",
        environ={"AWS_SDK_UA_APP_ID": "mine"},
        expected=(EU, "eu-west-1", "mine"),
    ),
    "app-id-profile": Case(config=DEFAULT + "sdk_ua_app_id = mine", expected=(EU, "eu-west-1", "mine")),
    "bad-region": Case(config="[default]\nregion = eu west 1", expected=None),
    "bad-endpoint": Case(environ={"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "localhost"}, expected=None),
    "other-partition": Case(
        environ={"AWS_REGION": "cn-north-1"},
        expected=("https://codepipeline.cn-north-1.amazonaws.com.cn", "cn-north-1", None),
    ),
    "no-section-header": Case(config="region = eu-west-1", expected=None),
    "credentials-file-broken": Case(config=DEFAULT, credentials="[default\n", expected=None),
    "not-text": Case(config=DEFAULT + "x =\n  no equals sign\n", expected=None),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_setting_is_found_where_botocore_finds_it(case: Case, files: Files) -> None:
    environ = {**case.environ, **files.write(case.config, case.credentials)}
    found = ours(environ, case.profile_name)
    assert (found and (found.url, found.region_name, found.app_id)) == case.expected
    assert found == theirs(environ, case.profile_name)


def lines(keys: Mapping[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    """Some of the keys, as lines of a section."""
    some = st.fixed_dictionaries({}, optional=dict(keys))
    return some.map(lambda chosen: "".join(f"{key} = {text}\n" for key, text in chosen.items()))


REGIONS: Final = st.sampled_from(["eu-west-1", "us-gov-east-1", "cn-north-1", "moonbase-1"])
URLS: Final = st.sampled_from(["http://localhost:4566", "https://a.example", "https://b.example:8443/x"])
BOOLEANS: Final = st.sampled_from(["true", "false", "True", "FALSE"])
PROFILES: Final = st.sampled_from(["default", "dev", "gone"])
KEYS: Final = {
    "region": REGIONS,
    "endpoint_url": URLS,
    "services": st.sampled_from(["local", "gone"]),
    "use_fips_endpoint": BOOLEANS,
    "use_dualstack_endpoint": BOOLEANS,
    "ignore_configured_endpoint_urls": BOOLEANS,
    "sdk_ua_app_id": st.sampled_from(["a", "b"]),
    "aws_access_key_id": st.just("AKID"),
}
VARIABLES: Final = {
    "AWS_REGION": REGIONS,
    "AWS_DEFAULT_REGION": REGIONS,
    "AWS_PROFILE": PROFILES,
    "AWS_DEFAULT_PROFILE": PROFILES,
    "AWS_ENDPOINT_URL": URLS,
    "AWS_ENDPOINT_URL_CODEPIPELINE": URLS,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": BOOLEANS,
    "AWS_USE_FIPS_ENDPOINT": BOOLEANS,
    "AWS_USE_DUALSTACK_ENDPOINT": BOOLEANS,
    "AWS_SDK_UA_APP_ID": st.sampled_from(["c", ""]),
}


@given(
    environ=st.fixed_dictionaries({}, optional=VARIABLES),
    default=lines(KEYS),
    dev=lines(KEYS),
    keys_of_default=lines(KEYS),
    services=lines({"endpoint_url": URLS}),
    profile_name=st.none() | PROFILES,
)
def test_any_mixture_gives_what_botocore_makes_of_it(
    environ: dict[str, str],
    default: str,
    dev: str,
    keys_of_default: str,
    services: str,
    profile_name: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    files = Files(tmp_path_factory.getbasetemp())
    indented = services and f"codepipeline =\n  {services}"
    named = files.write(
        config=f"[default]\n{default}[profile dev]\n{dev}[services local]\ns3 =\n  a = b\n{indented}",
        credentials=f"[default]\n{keys_of_default}",
    )
    assert ours(environ | named, profile_name) == theirs_by_the_rules(environ | named, profile_name)


def test_fips_and_a_url_of_ones_own_exclude_each_other_wherever_they_come_from(files: Files) -> None:
    """A botocore client forgets the wish instead, though the service's rule set calls it an error."""
    environ = files.write(DEFAULT + "use_fips_endpoint = true") | {"AWS_ENDPOINT_URL": LOCAL}
    assert complaint(environ) == (
        f"endpoint_url '{LOCAL}' (from AWS_ENDPOINT_URL) cannot go with "
        "use_fips_endpoint (from use_fips_endpoint in profile 'default'): choose one or the other"
    )
    assert theirs_by_the_rules(environ, None) is None
    assert resolve(ClientArguments(use_fips_endpoint=False), environ).endpoint.url == LOCAL


def test_an_argument_comes_before_everything(files: Files) -> None:
    environ = files.write(SERVICES + "[profile dev]\nregion = eu-north-1\n") | EITHER
    environ |= {"AWS_REGION": "us-east-1", "AWS_PROFILE": "default", "AWS_USE_FIPS_ENDPOINT": "true"}
    environ |= {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_SDK_UA_APP_ID": "theirs"}
    settings = resolve(
        ClientArguments(
            region_name="eu-central-1",
            profile_name="dev",
            endpoint_url="https://mine.example/x",
            use_fips_endpoint=False,
            use_dualstack_endpoint=False,
            user_agent_app_id="mine",
        ),
        environ,
    )
    assert (settings.region_name, settings.profile_name, settings.endpoint.url, settings.user_agent_app_id) == (
        "eu-central-1",
        "dev",
        "https://mine.example/x",
        "mine",
    )


def test_a_url_argument_counts_even_where_configured_ones_are_ignored() -> None:
    environ = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://localhost:1"}
    given_url = ClientArguments(region_name="eu-west-1", endpoint_url=LOCAL)
    assert resolve(given_url, environ).endpoint.url == LOCAL


def test_the_profile_is_named_only_where_somebody_named_it(files: Files) -> None:
    environ = files.write(DEV)
    assert resolve(ClientArguments(), environ).profile_name is None
    assert resolve(ClientArguments(), environ | {"AWS_PROFILE": "dev"}).profile_name == "dev"


def test_the_shared_files_are_in_the_home_folder_unless_named_elsewhere(home: Path) -> None:
    folder = home / ".aws"
    folder.mkdir()
    try:
        (folder / "config").write_text(DEFAULT, encoding="utf-8")
        (folder / "credentials").write_text("[default]\nsdk_ua_app_id = mine", encoding="utf-8")
        settings = resolve(ClientArguments(), {"AWS_CONFIG_FILE": ""})
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    assert (settings.region_name, settings.user_agent_app_id) == ("eu-west-1", "mine")


@pytest.mark.parametrize("named", ["~/moved", "$HOME/moved" if os.name == "posix" else "%USERPROFILE%/moved"])
def test_the_name_of_a_shared_file_may_have_a_tilde_or_a_variable(named: str, home: Path) -> None:
    path = home / "moved"
    path.write_text(DEFAULT, encoding="utf-8")
    try:
        assert resolve(ClientArguments(), {"AWS_CONFIG_FILE": named}).region_name == "eu-west-1"
    finally:
        path.unlink()


def modules_after(statement: str) -> set[str]:
    """Return what a fresh interpreter has loaded after resolving by *statement*."""
    program = "import sys\nfrom codepipeline_client._config.settings import ClientArguments, Environment, resolve\n"
    program += f"environ = {{'AWS_REGION': 'eu-west-1'}}\n{statement}\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    return set(output.stdout.split())


def test_without_files_botocore_is_not_loaded(files: Files) -> None:
    """Not even a profile that is named makes it necessary, since there is none."""
    environ = files.write()
    loaded = modules_after(
        f"environ |= {environ!r}\nresolve(ClientArguments(), Environment(environ))\n"
        "try: resolve(ClientArguments(profile_name='x'), Environment(environ))\nexcept Exception: pass"
    )
    assert not {name for name in loaded if name.startswith("botocore")}


def test_with_files_only_the_light_part_of_botocore_is_loaded(files: Files) -> None:
    """Its session takes ten times as long to load as its reader of files."""
    environ = files.write(DEFAULT)
    loaded = modules_after(f"environ |= {environ!r}\nresolve(ClientArguments(), Environment(environ))")
    assert "botocore.configloader" in loaded
    assert not loaded & {"botocore.session", "botocore.client", "botocore.credentials"}


@pytest.mark.parametrize(
    ("config", "environ", "arguments", "message"),
    [
        pytest.param(
            None,
            {},
            {},
            "no region: neither region_name, AWS_REGION, AWS_DEFAULT_REGION nor region in profile 'default' is set; "
            "give region_name, or set AWS_REGION, such as 'us-east-1'",
            id="no-region",
        ),
        pytest.param(
            DEV,
            {"AWS_PROFILE": "prod"},
            {},
            "profile_name 'prod' does not exist (from AWS_PROFILE): "
            "{AWS_CONFIG_FILE} and {AWS_SHARED_CREDENTIALS_FILE} have 'default', 'dev'",
            id="profile-gone",
        ),
        pytest.param(
            None,
            {},
            {"profile_name": "prod"},
            "profile_name 'prod' does not exist: {AWS_CONFIG_FILE} and {AWS_SHARED_CREDENTIALS_FILE} have no profiles",
            id="no-profiles",
        ),
        pytest.param(
            DEFAULT,
            {"AWS_USE_FIPS_ENDPOINT": "yes"},
            {},
            "use_fips_endpoint 'yes' cannot be used (from AWS_USE_FIPS_ENDPOINT): true or false is expected",
            id="boolean-of-variable",
        ),
        pytest.param(
            DEFAULT + "use_dualstack_endpoint = 1",
            {},
            {},
            "use_dualstack_endpoint '1' cannot be used (from use_dualstack_endpoint in profile 'default'): "
            "true or false is expected",
            id="boolean-of-profile",
        ),
        pytest.param(
            "[default]\nregion = eu west 1",
            {},
            {},
            "region_name 'eu west 1' is not a region (from region in profile 'default'): "
            "letters, digits and hyphens only",
            id="bad-region",
        ),
        pytest.param(
            "[profile dev]\nregion =\n  a = b",
            {"AWS_PROFILE": "dev"},
            {},
            "region in profile 'dev' has indented lines below it: one value is expected",
            id="group-for-a-value",
        ),
        pytest.param(
            DEFAULT + "services = local\n[services local]\ncodepipeline = http://localhost:4566",
            {},
            {},
            "codepipeline in [services local] has a value: indented lines below are expected",
            id="value-for-a-group",
        ),
        pytest.param(
            DEFAULT + "services = gone",
            {},
            {},
            "[services gone] is not in the config file (from services in profile 'default')",
            id="services-gone",
        ),
        pytest.param(
            "[default]\nregion = eu-west-1\nregion = eu-west-2\n",
            {},
            {},
            "the file {AWS_CONFIG_FILE} cannot be read: see its line 3",
            id="double-key",
        ),
        pytest.param(
            "\n\nx = 1\n", {}, {}, "the file {AWS_CONFIG_FILE} cannot be read: see its line 3", id="no-section"
        ),
        pytest.param(
            "[default]\nnonsense\n", {}, {}, "the file {AWS_CONFIG_FILE} cannot be read: see its line 2", id="no-value"
        ),
        pytest.param("[default]\nx =\n  y", {}, {}, "the file {AWS_CONFIG_FILE} cannot be read", id="no-nested-value"),
    ],
)
def test_a_bad_setting_is_explained(
    config: str | None, environ: dict[str, str], arguments: dict[str, Any], message: str, files: Files
) -> None:
    environ = environ | files.write(config)
    assert complaint(environ, **arguments) == message.format_map(environ)


def test_an_empty_services_group_says_nothing(files: Files) -> None:
    environ = files.write(DEFAULT + "services = local\n[services local]\ncodepipeline =\n")
    assert resolve(ClientArguments(), environ).endpoint.url == EU


def test_a_file_that_is_not_text_is_explained(files: Files) -> None:
    environ = files.write("", "")
    Path(environ["AWS_SHARED_CREDENTIALS_FILE"]).write_bytes(b"[default]\nregion = \xff\xfe\x9d\x81\n")
    assert complaint(environ) == f"the file {environ['AWS_SHARED_CREDENTIALS_FILE']} cannot be read"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"region_name": 1}, "region_name must be a string, not int", id="region-kind"),
        pytest.param(
            {"region_name": "a_b"}, "region_name 'a_b' is not a region: letters, digits and hyphens only", id="region"
        ),
        pytest.param({"profile_name": b"x"}, "profile_name must be a string, not bytes", id="profile-kind"),
        pytest.param(
            {"use_fips_endpoint": "yes"}, "use_fips_endpoint must be True or False, not str", id="boolean-kind"
        ),
        pytest.param({"trust_env": None}, "trust_env must be True or False, not NoneType", id="trust-env-kind"),
        pytest.param(
            {"endpoint_url": "localhost"},
            "endpoint_url 'localhost' cannot be used: it must begin with https:// or http://",
            id="url",
        ),
        pytest.param(
            {"endpoint_url": LOCAL, "use_dualstack_endpoint": True},
            f"endpoint_url '{LOCAL}' cannot go with use_dualstack_endpoint: choose one or the other",
            id="url-and-dualstack",
        ),
        pytest.param(
            {"proxy": f"ftp://me:{PLANTED}@a.example"},
            "proxy cannot be used: "
            "the URL of a proxy is expected, such as http://proxy.example:3128 (the value is not shown)",
            id="proxy",
        ),
        pytest.param(
            {"verify": False},
            "verify=False is not offered: give the path of a CA file that vouches for the endpoint",
            id="no-verification",
        ),
        pytest.param(
            {"verify": Path("ca.pem")},
            f"verify must be True, the path of a CA file as text, or an ssl.SSLContext, not {type(Path()).__name__}",
            id="verify-kind",
        ),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_read(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(ClientArguments(**arguments))
    assert str(caught.value) == message


def test_good_arguments_pass() -> None:
    """Whether files are there is not looked at yet."""
    check(ClientArguments())
    check(ClientArguments(region_name="eu-west-1", endpoint_url=LOCAL, proxy="proxy.example", verify="/absent.pem"))
    check(
        ClientArguments(
            use_fips_endpoint=True, use_dualstack_endpoint=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
    )


def test_a_long_app_id_is_used_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"AWS_REGION": "eu-west-1", "AWS_SDK_UA_APP_ID": "x" * 51}
    assert resolve(ClientArguments(), environ).user_agent_app_id == "x" * 51
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "longer than the 50 characters" in caplog.text
    caplog.clear()
    assert resolve(ClientArguments(user_agent_app_id="x" * 50), environ).user_agent_app_id == "x" * 50
    assert not caplog.records


def test_an_empty_app_id_is_none_in_spite_of_the_environment() -> None:
    environ = {"AWS_REGION": "eu-west-1", "AWS_SDK_UA_APP_ID": "theirs"}
    assert resolve(ClientArguments(user_agent_app_id=""), environ).user_agent_app_id is None


CA_PLACES: Final = ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.mark.parametrize("first", range(len(CA_PLACES)), ids=CA_PLACES)
def test_the_ca_file_is_taken_from_the_first_place_that_has_one(first: int, files: Files) -> None:
    """As far as botocore looks: the variables of OpenSSL it leaves to others."""
    paths = {place: files.folder / f"{place}.pem" for place in CA_PLACES[first:]}
    for path in paths.values():
        path.touch()
    environ = {place: str(path) for place, path in paths.items() if place.isupper()}
    environ |= files.write(DEFAULT + (f"ca_bundle = {paths['ca_bundle']}" if "ca_bundle" in paths else ""))
    found = ours(environ)
    assert found
    assert found.ca_file == str(paths[CA_PLACES[first]])
    if "REQUESTS_CA_BUNDLE" in paths:
        assert found == theirs(environ)


def test_a_ca_file_of_the_environment_is_not_read_when_it_is_not_trusted(files: Files) -> None:
    """What the profile says still counts: it is the user's own file."""
    path = files.folder / "ca.pem"
    path.touch()
    environ = dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"), "/absent")
    environ |= files.write(DEFAULT)
    assert resolve(ClientArguments(trust_env=False), environ).ca_file is None
    environ |= files.write(DEFAULT + f"ca_bundle = {path}")
    assert resolve(ClientArguments(trust_env=False), environ).ca_file == str(path)


def test_a_ca_file_may_be_in_the_home_folder(home: Path) -> None:
    path = home / "ca.pem"
    path.touch()
    settings = resolve(ClientArguments(verify="~/ca.pem"), {"AWS_REGION": "eu-west-1", "AWS_CA_BUNDLE": "/absent"})
    assert settings.ca_file
    assert Path(settings.ca_file) == path


@pytest.mark.parametrize(
    ("arguments", "environ", "source"),
    [
        pytest.param({"verify": "/absent/ca.pem"}, {}, "verify", id="argument"),
        pytest.param({}, {"AWS_CA_BUNDLE": "/absent/ca.pem"}, "AWS_CA_BUNDLE", id="variable"),
        pytest.param({}, {"SSL_CERT_FILE": "/absent/ca.pem"}, "SSL_CERT_FILE", id="openssl"),
        pytest.param({}, {}, "ca_bundle in profile 'default'", id="profile"),
    ],
)
def test_a_ca_file_that_does_not_exist_is_an_error(
    arguments: dict[str, Any], environ: dict[str, str], source: str, files: Files
) -> None:
    config = DEFAULT + ("ca_bundle = /absent/ca.pem" if source.startswith("ca_bundle") else "")
    said = complaint(environ | files.write(config), **arguments)
    assert said == f"the CA file '/absent/ca.pem' does not exist (from {source})"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, id="ssl-context"),
        pytest.param({"endpoint_url": LOCAL}, id="plain-http"),
    ],
)
def test_a_ca_file_that_is_not_needed_is_not_looked_for(arguments: dict[str, Any]) -> None:
    environ = {"AWS_REGION": "eu-west-1", "SSL_CERT_FILE": "/absent/ca.pem"}
    assert resolve(ClientArguments(**arguments), environ).ca_file is None


@pytest.mark.parametrize("proxy", ["https://proxy.example", "HTTPS://proxy.example"])
def test_a_proxy_that_speaks_tls_needs_the_ca_file_too(proxy: str) -> None:
    environ = {"AWS_REGION": "eu-west-1", "SSL_CERT_FILE": "/absent/ca.pem"}
    said = complaint(environ, endpoint_url="http://a.example", proxy=proxy)
    assert "does not exist (from SSL_CERT_FILE)" in said


PROXY_VARIABLES: Final = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "Https_Proxy",
)
PROXY_URLS: Final = (
    "",
    "proxy.example:3128",
    "//proxy.example",
    "http://me:x@proxy.example:1",
    "https://proxy.example",
)
NO_PROXY: Final = ("", "*", "example", ".example", "a.example:8443", " b.example , A.EXAMPLE ", "xa.example,,", "*,x")
HOSTS: Final = ("a.example", "b.a.example:8443", "xa.example", "[2001:db8::1]:8443", "10.0.0.1", "A.Example:8443")


@given(
    variables=st.permutations(
        [*PROXY_VARIABLES, "NO_PROXY", "no_proxy", "REQUEST_METHOD"],
    ).flatmap(
        lambda names: st.fixed_dictionaries(
            {},
            optional={name: st.sampled_from(NO_PROXY if name.lower() == "no_proxy" else PROXY_URLS) for name in names},
        )
    ),
    scheme=st.sampled_from(["https", "http"]),
    host=st.sampled_from(HOSTS),
)
@example(variables={"HTTPS_PROXY": "a.example", "https_proxy": ""}, scheme="https", host="b.example")
@example(variables={"HTTP_PROXY": "a.example", "REQUEST_METHOD": ""}, scheme="http", host="b.example")
@example(variables={"HTTPS_PROXY": "a.example", "NO_PROXY": "example:8443"}, scheme="https", host="b.example:8443")
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
    found = resolve(ClientArguments(region_name="eu-west-1", endpoint_url=url), environ)
    assert found.proxy_url == expected
    assert (
        resolve(ClientArguments(region_name="eu-west-1", endpoint_url=url, trust_env=False), environ).proxy_url is None
    )


@pytest.mark.parametrize("host", ["localhost:4566", "127.0.0.1", "[::1]:80", "aws.localhost"])
def test_loopback_needs_no_proxy_but_may_have_one(host: str) -> None:
    environ: dict[str, str] = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://proxy.example:3128")
    loopback = ClientArguments(region_name="eu-west-1", endpoint_url=f"http://{host}")
    assert resolve(loopback, environ).proxy_url is None
    explicit = ClientArguments(region_name="eu-west-1", endpoint_url=f"http://{host}", proxy="other.example:1")
    assert resolve(explicit, environ).proxy_url == "http://other.example:1"


def test_a_proxy_argument_counts_where_the_environment_is_not_trusted() -> None:
    environ = {"HTTPS_PROXY": "http://theirs.example", "NO_PROXY": "*"}
    mine = ClientArguments(region_name="eu-west-1", proxy="https://mine.example", trust_env=False)
    assert resolve(mine, environ).proxy_url == "https://mine.example"


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1080", "socks5h://me:word@proxy.example"])
def test_a_socks_proxy_is_admitted_from_both_places(proxy: str) -> None:
    """botocore admits none, so it is no oracle here."""
    argument = ClientArguments(region_name="eu-west-1", proxy=proxy)
    check(argument)
    assert resolve(argument, {}).proxy_url == proxy
    argument = ClientArguments(region_name="eu-west-1")
    assert resolve(argument, {"ALL_PROXY": proxy}).proxy_url == proxy
    assert resolve(argument, {"ALL_PROXY": proxy, "NO_PROXY": "amazonaws.com"}).proxy_url is None


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(f"socks4://me:{PLANTED}@a.example", id="socks4"),
        pytest.param(f"http://me:{PLANTED}", id="password-as-port"),
        pytest.param(f"http://me:{PLANTED}@", id="no-host"),
        pytest.param(f"http://me:{PLANTED}@a.example:0", id="port-0"),
        pytest.param(f"http://me:{PLANTED}@a.example:70000", id="port-too-high"),
        pytest.param(f"http://me:{PLANTED}@[::1", id="open-bracket"),
        pytest.param(f"http://me:{PLANTED}@a.example\n", id="newline"),
        pytest.param(f"http://me:{PLANTED}é@a.example", id="beyond-ascii"),
    ],
)
def test_a_bad_proxy_is_explained_without_its_password(proxy: str) -> None:
    rule = "cannot be used: the URL of a proxy is expected, such as http://proxy.example:3128 (the value is not shown)"
    said = complaint({"AWS_REGION": "eu-west-1", "https_proxy": proxy})
    assert said == f"https_proxy {rule}"
    with pytest.raises(ConfigurationError) as caught:
        check(ClientArguments(proxy=proxy))
    assert str(caught.value) == f"proxy {rule}"


SECRETS: Final = f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {PLANTED}\n"


@pytest.mark.parametrize(
    ("config", "credentials", "variables"),
    [
        pytest.param(None, None, {}, id="no-region"),
        pytest.param(SECRETS, SECRETS, {"AWS_PROFILE": "prod"}, id="no-profile"),
        pytest.param(None, SECRETS, {"AWS_USE_FIPS_ENDPOINT": "yes"}, id="bad-boolean"),
        pytest.param(SECRETS, SECRETS + "nonsense", {}, id="bad-credentials-file"),
        pytest.param(None, f"[default]\naws_secret_access_key {PLANTED}\n", {}, id="bad-line-with-the-key"),
        pytest.param(None, f"aws_secret_access_key = {PLANTED}\n", {}, id="line-outside-with-the-key"),
        pytest.param(DEFAULT, SECRETS, {"HTTPS_PROXY": f"http://me:{PLANTED}"}, id="bad-proxy"),
        pytest.param(DEFAULT, SECRETS, {"AWS_ENDPOINT_URL": f"http://me:{PLANTED}@a.example"}, id="bad-endpoint"),
        pytest.param(DEFAULT, SECRETS, {"AWS_CA_BUNDLE": "/absent"}, id="bad-ca-file"),
        pytest.param(SECRETS + "region = eu-west-1\nservices = gone", None, {}, id="bad-services"),
    ],
)
def test_an_error_shows_no_secret(
    config: str | None, credentials: str | None, variables: dict[str, str], files: Files
) -> None:
    """Neither in words, nor in what it was caused by, nor in a pickle, nor in a variable of a frame of the package."""
    environ = variables | files.write(config, credentials)
    environ |= {"AWS_SECRET_ACCESS_KEY": PLANTED, "AWS_SESSION_TOKEN": PLANTED}
    with pytest.raises(ConfigurationError) as caught:
        resolve(ClientArguments(), environ)
    error = caught.value
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    inside = [frame for frame in frames if frame.filename != __file__]
    assert inside
    assert PLANTED not in repr([frame.locals for frame in inside])
    assert PLANTED not in str(error)
    assert PLANTED.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_what_may_hold_a_password_is_not_in_a_repr() -> None:
    given_all = ClientArguments(
        region_name="eu-west-1", endpoint_url="https://a.example", proxy=f"http://me:{PLANTED}@b.example"
    )
    settings = resolve(given_all, {"AWS_SECRET_ACCESS_KEY": PLANTED})
    assert isinstance(settings, Settings)
    assert settings.proxy_url == f"http://me:{PLANTED}@b.example"
    assert PLANTED not in repr(given_all) + repr(settings) + repr(settings.proxy_url) + repr(given_all.proxy)
    assert PLANTED not in repr(Environment({"AWS_SECRET_ACCESS_KEY": PLANTED}))


# Retries and clock skew


@pytest.mark.parametrize(
    ("given_", "environ", "config", "expected"),
    [
        pytest.param(ClientArguments(), {}, "", ("standard", 3, True), id="defaults"),
        pytest.param(
            ClientArguments(retry_mode="off", max_attempts=9),
            {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "5"},
            "retry_mode = standard\nmax_attempts = 4",
            ("off", 9, True),
            id="arguments-first",
        ),
        pytest.param(
            ClientArguments(),
            {"AWS_RETRY_MODE": "Adaptive", "AWS_MAX_ATTEMPTS": "05", "AWS_DISABLE_CLOCK_SKEW_CORRECTION": "TRUE"},
            "retry_mode = standard\nmax_attempts = 4\ndisable_clock_skew_correction = false",
            ("adaptive", 5, False),
            id="then-the-environment",
        ),
        pytest.param(
            ClientArguments(),
            {},
            "retry_mode = adaptive\nmax_attempts = 4\ndisable_clock_skew_correction = true",
            ("adaptive", 4, False),
            id="then-the-profile",
        ),
        pytest.param(
            ClientArguments(), {"AWS_RETRY_MODE": "legacy"}, "", ("standard", 3, True), id="legacy-has-become-standard"
        ),
    ],
)
def test_how_calls_are_tried_again_is_found_like_any_setting(
    files: Files, given_: ClientArguments, environ: dict[str, str], config: str, expected: tuple[str, int, bool]
) -> None:
    found = resolve(given_, files.write(DEFAULT + config) | environ)
    assert (found.retry_mode, found.max_attempts, found.correct_clock_skew) == expected


@pytest.mark.parametrize(
    ("environ", "config", "problem"),
    [
        pytest.param({"AWS_RETRY_MODE": "often"}, "", r"retry_mode 'often' .*\(from AWS_RETRY_MODE\)", id="mode"),
        pytest.param({"AWS_MAX_ATTEMPTS": "0"}, "", r"max_attempts '0' .*from 1", id="none"),
        pytest.param({"AWS_MAX_ATTEMPTS": "many"}, "", r"max_attempts 'many'", id="no-number"),
        pytest.param({}, "max_attempts = -1", r"max_attempts '-1' .*\(from max_attempts in profile", id="profile"),
        pytest.param(
            {"AWS_DISABLE_CLOCK_SKEW_CORRECTION": "yes"}, "", "disable_clock_skew_correction 'yes'", id="skew"
        ),
    ],
)
def test_a_bad_rule_for_retries_says_where_it_came_from(
    files: Files, environ: dict[str, str], config: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        resolve(ClientArguments(), files.write(DEFAULT + config) | environ)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"retry_mode": "often"}, "retry_mode must be standard, adaptive, off, not 'often'"),
        ({"max_attempts": 0}, "max_attempts must be a whole number from 1, not 0"),
        ({"max_attempts": True}, "max_attempts must be a whole number from 1, not True"),
        ({"max_attempts": "3"}, "max_attempts must be a whole number from 1, not str"),
    ],
)
def test_a_bad_argument_for_retries_is_told_at_once(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        check(ClientArguments(**arguments))
