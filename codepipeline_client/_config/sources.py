"""
Look settings up: in the environment, in a profile, and in the services section that the profile names.

Reads the two shared files of AWS. All that it holds stays out of the reprs, since there may be secrets in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from ..errors import ConfigurationError

T = TypeVar("T")
Section = Mapping[str, str | Mapping[str, str]]


class SecretText(str):
    """A string that may hold a password: its repr, which tracebacks with local variables show, hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class ResolvedSetting(Generic[T]):
    """The value of a setting, and where it was found."""

    def __init__(self, value: T, origin: str = "") -> None:
        self.value = value
        self.origin = origin
        """What a message says of where it was found. Empty for an argument of the client, and for the default."""


class Environment:
    """
    The environment variables of one moment, and a profile. No mapping: debuggers show what is in those.

    A *place* is the name of a variable in upper case, or a key of the profile in lower case.
    """

    def __init__(self, variables: Mapping[str, str], profile_name: str = "default") -> None:
        self.variables = variables
        self.profile_name = profile_name
        self.profiles: Mapping[str, Section] = {}
        self.services: Mapping[str, Section] = {}

    def text(self, given: str | None, *places: str) -> ResolvedSetting[str | None]:
        """Return the argument, the first text in one of the *places*, or None. An empty variable is not set."""
        for place in places if given is None else ():
            if text := self._get(place):
                return ResolvedSetting(text, f" (from {self.called(place)})")
        return ResolvedSetting(given)

    def value(
        self, name: str, given: T | None, default: T, read: Callable[[str], T | None], rule: str
    ) -> ResolvedSetting[T]:
        """Return the argument, what *read* makes of ``AWS_<name>`` or the profile's key in lower case, or *default*."""
        text = self.text(None, f"AWS_{name.upper()}", name)
        if given is not None or text.value is None:
            return ResolvedSetting(default if given is None else given)
        value = read(text.value.lower())
        if value is None:
            raise ConfigurationError(f"{name} {text.value!r} cannot be used{text.origin}: {rule} is expected")
        return ResolvedSetting(value, text.origin)

    def switch(self, name: str, given: bool | None = None) -> ResolvedSetting[bool]:
        """Return what is true or false: False if no place has it."""
        return self.value(name, given, False, {"true": True, "false": False}.get, "true or false")

    def called(self, place: str) -> str:
        return place if place.isupper() else f"{place} in profile {self.profile_name!r}"

    def _get(self, place: str) -> str | None:
        if place.isupper():
            return self.variables.get(place)
        *service, key = place.split(".")
        value = (self._service(*service) if service else self.profiles.get(self.profile_name, {})).get(key)
        if isinstance(value, Mapping):
            raise ConfigurationError(f"{self.called(place)} has indented lines below it: one value is expected")
        return value

    def _service(self, key: str, service: str) -> Section:
        name = self._get(key)
        if not name:
            return {}
        if not self.services.get(name):
            raise ConfigurationError(f"the config file has no section [services {name}] (named by {self.called(key)})")
        settings = self.services[name].get(service) or {}
        if isinstance(settings, str):
            raise ConfigurationError(f"{service} in [services {name}] must have indented lines below it, not a value")
        return settings

    def with_profile(self, profile_name: str | None) -> Environment:
        """Add the shared files, and choose the profile: the one that is named, which must exist, or "default"."""
        # botocore looks into AWS_DEFAULT_PROFILE before AWS_PROFILE for credentials, so the settings must too.
        named = self.text(profile_name, "AWS_DEFAULT_PROFILE", "AWS_PROFILE")
        config_file = self.variables.get("AWS_CONFIG_FILE") or "~/.aws/config"
        credentials_file = self.variables.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
        found = Environment(self.variables, named.value or "default")
        found._read(config_file, credentials_file)
        if named.value is not None and named.value not in found.profiles:
            known = ", ".join(map(repr, found.profiles)) or "no profiles"
            raise ConfigurationError(
                f"profile {named.value!r} does not exist{named.origin}: "
                f"{config_file} and {credentials_file} have {known}"
            )
        return found

    def _read(self, config_file: str, credentials_file: str) -> None:
        config, credentials = _parse("load_config", config_file), _parse("raw_config_parse", credentials_file)
        profiles: Mapping[str, Section] = config.get("profiles", {})
        names = sorted({*profiles, *credentials})
        self.profiles = {name: {**profiles.get(name, {}), **credentials.get(name, {})} for name in names}
        self.services = config.get("services", {})


def _parse(reader: str, path: str) -> Mapping[str, Any]:
    """Read a shared file by a function of botocore: a botocore session takes ten times as long."""
    if not os.path.isfile(os.path.expanduser(os.path.expandvars(path))):  # noqa: PTH111, PTH113 - Path may raise
        return {}
    read: Callable[[str], Mapping[str, Any]] = getattr(import_module("botocore.configloader"), reader)
    try:
        return read(path)
    except import_module("botocore.exceptions").BotoCoreError as error:
        line = re.search(r"(?:\[line +|, line: )([0-9]+)", str(error.__context__))
    # Not raised from botocore's error, which quotes the line and whose frames hold the file.
    raise ConfigurationError(f"the file {path} cannot be read{f': see line {line[1]}' if line else ''}")
