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

from attrs import evolve, field, frozen

from ..errors import ConfigurationError

T = TypeVar("T")
Section = Mapping[str, str | Mapping[str, str]]


def _copy(variables: Mapping[str, str]) -> Mapping[str, str]:
    return dict(variables)


@frozen(eq=False)
class Environment:
    """A snapshot of the environment variables. Not a mapping: tools that show local variables look into those."""

    variables: Mapping[str, str] = field(converter=_copy, repr=False)


@frozen(eq=False)
class Setting(Generic[T]):
    """One setting, and the places where it is looked up."""

    name: str
    places: tuple[str, ...]
    """In order. Environment variables are in upper case, keys of the profile in lower case."""
    read: Callable[[str], T | None]
    """Return the value of a text, None for a text that breaks the rule."""
    rule: str = ""


@frozen(eq=False)
class ResolvedSetting(Generic[T]):
    """The value of a setting, and where it was found."""

    name: str
    value: T = field(repr=False)
    source: str | None
    """None for an argument of the client."""


@frozen(kw_only=True, eq=False)
class Sources:
    """The places where settings are looked up."""

    environ: Mapping[str, str] = field(repr=False)
    profile_name: str | None = None
    """None when no profile was named: then "default" counts, if there is one."""
    profiles: Mapping[str, Section] = field(factory=dict[str, Section], repr=False)
    services: Mapping[str, Section] = field(factory=dict[str, Section], repr=False)

    def find(self, setting: Setting[T], argument: T | None = None) -> ResolvedSetting[T] | None:
        """Return the argument, or the value from the first place that has one. An empty text is no value."""
        if argument is not None:
            return ResolvedSetting(setting.name, argument, None)
        for place in setting.places:
            if text := self._text(place):
                source, value = self.called(place), setting.read(text)
                if value is None:
                    raise ConfigurationError(
                        f"{setting.name} {text!r} cannot be used (from {source}): {setting.rule} is expected"
                    )
                return ResolvedSetting(setting.name, value, source)
        return None

    def called(self, place: str) -> str:
        """Return what a message calls a place."""
        return place if place.isupper() else f"{place} in profile {self.profile_name or 'default'!r}"

    def _text(self, place: str) -> str | None:
        if place.isupper():
            return self.environ.get(place)
        section, _, key = place.rpartition(".")
        value = (self._service(section) if section else self._profile).get(key)
        if isinstance(value, Mapping):
            raise ConfigurationError(f"{self.called(place)} has indented lines below it: one value is expected")
        return value

    @property
    def _profile(self) -> Section:
        return self.profiles.get(self.profile_name or "default", {})

    def _service(self, place: str) -> Section:
        """Return the settings of one service: *place* is "services.<service>"."""
        key, _, service = place.partition(".")
        name = self._text(key)
        if not name:
            return {}
        section = self.services.get(name)
        if not section:
            raise ConfigurationError(f"[services {name}] is not in the config file (from {self.called(key)})")
        settings = section.get(service) or {}
        if isinstance(settings, str):
            raise ConfigurationError(f"{service} in [services {name}] has a value: indented lines below are expected")
        return settings

    def with_profile(self, named: ResolvedSetting[str] | None) -> Sources:
        """Add the shared files, and choose the *named* profile, which must exist, or else "default"."""
        config = self.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
        credentials = self.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
        found = self._with_files(_parse("load_config", config), _parse("raw_config_parse", credentials))
        if named is None:
            return found
        if named.value not in found.profiles:
            source = f" (from {named.source})" if named.source else ""
            known = ", ".join(map(repr, found.profiles)) or "no profiles"
            raise ConfigurationError(
                f"profile_name {named.value!r} does not exist{source}: {config} and {credentials} have {known}"
            )
        return evolve(found, profile_name=named.value)

    def _with_files(self, config: Mapping[str, Any], credentials: Mapping[str, Section]) -> Sources:
        """Add the profiles and services of the files. The credentials file comes before the config file."""
        profiles: Mapping[str, Section] = config.get("profiles", {})
        names = sorted({*profiles, *credentials})
        merged = {name: {**profiles.get(name, {}), **credentials.get(name, {})} for name in names}
        return evolve(self, profiles=merged, services=config.get("services", {}))


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
    raise ConfigurationError(f"the file {path} cannot be read{f': see its line {line[1]}' if line else ''}")
