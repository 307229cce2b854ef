"""
Where settings can be found: the environment, a profile, the services that the profile names.

Reads the environment that it is given and the two shared files of AWS. Shows nothing of what is there: keys are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, Generic, Never, TypedDict, TypeVar

from .errors import ConfigurationError

T = TypeVar("T")
Section = Mapping[str, str | Mapping[str, str]]

_EMPTY: Final[Mapping[str, Never]] = {}


class Setting(Generic[T]):
    """One setting: its name, the places where it is looked for, the first one first, and how a text is read."""

    __slots__ = ("name", "places", "read", "rule")

    def __init__(self, name: str, places: tuple[str, ...], read: Callable[[str], T | None], rule: str = "") -> None:
        """
        Describe it.

        A variable of the environment is in upper case among the *places*, a key of the profile in lower case. *read*
        returns None for a text that breaks the *rule*.
        """
        self.name = name
        self.places = places
        self.read = read
        self.rule = rule


class Found(Generic[T]):
    """A setting that was found. Shows nothing of itself: it may be a password."""

    __slots__ = ("name", "source", "value")

    def __init__(self, name: str, value: T, source: str | None) -> None:
        """Keep it; its *source* is None for an argument."""
        self.name = name
        self.value = value
        self.source = source


class Sources:
    """Where settings can be found. Shows nothing of what is there: keys and passwords are."""

    __slots__ = ("_profile", "_services", "environ", "profile_name")

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        profile_name: str | None = None,
        profile: Section = _EMPTY,
        services: Mapping[str, Section] = _EMPTY,
    ) -> None:
        self.environ = environ
        self.profile_name = profile_name
        self._profile = profile
        self._services = services

    def find(self, setting: Setting[T], argument: T | None = None) -> Found[T] | None:
        if argument is not None:
            return Found(setting.name, argument, None)
        for place in setting.places:
            if text := self.text(place):
                value = setting.read(text)
                if value is None:
                    source = self.called(place)
                    raise ConfigurationError(
                        f"{setting.name} {text!r} cannot be used (from {source}): {setting.rule} is expected"
                    )
                return Found(setting.name, value, self.called(place))
        return None

    def text(self, place: str) -> str | None:
        if place.isupper():
            return self.environ.get(place)
        section, _, key = place.rpartition(".")
        value = (self._service(section) if section else self._profile).get(key)
        if isinstance(value, Mapping):
            raise ConfigurationError(f"{self.called(place)} has indented lines below it: one value is expected")
        return value

    def called(self, place: str) -> str:
        return place if place.isupper() else f"{place} in profile {self.profile_name or 'default'!r}"

    def _service(self, place: str) -> Section:
        """Return what the profile's section of services says about one of them: *place* is "services.<its name>"."""
        key, _, service = place.partition(".")
        name = self.text(key)
        if not name:
            return {}
        section = self._services.get(name)
        if not section:
            raise ConfigurationError(f"[services {name}] is not in the config file (from {self.called(key)})")
        found = section.get(service) or {}
        if isinstance(found, str):
            raise ConfigurationError(f"{service} in [services {name}] has a value: indented lines below are expected")
        return found


class _Config(TypedDict):
    profiles: dict[str, Section]
    services: dict[str, Section]


class _Files:
    """The two shared files. Shows nothing of what is there."""

    __slots__ = ("config", "credentials")

    def __init__(self, config: _Config, credentials: dict[str, Section]) -> None:
        self.config = config
        self.credentials = credentials

    @property
    def profiles(self) -> Mapping[str, Section]:
        """By name; what the credentials file says comes first."""
        config, credentials = self.config["profiles"], self.credentials
        return {name: {**config.get(name, {}), **credentials.get(name, {})} for name in sorted({*config, *credentials})}


def with_profile(sources: Sources, named: Found[str] | None) -> Sources:
    """Add what the shared files say under the profile's name, or under "default" when nobody named one."""
    config = sources.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    credentials = sources.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    files = _Files(
        _parsed("load_config", config, absent=_Config(profiles={}, services={})),
        _parsed("raw_config_parse", credentials, absent={}),
    )
    if named is not None and named.value not in files.profiles:
        source = f" (from {named.source})" if named.source else ""
        known = ", ".join(map(repr, files.profiles)) or "no profiles"
        raise ConfigurationError(
            f"profile_name {named.value!r} does not exist{source}: {config} and {credentials} have {known}"
        )
    name = named.value if named else "default"
    profile = files.profiles.get(name, {})
    return Sources(
        sources.environ, profile_name=name if named else None, profile=profile, services=files.config["services"]
    )


def _parsed(reader: str, path: str, *, absent: T) -> T:
    """Return a shared file as *reader* of botocore reads it; a whole session of botocore takes ten times as long."""
    if not os.path.isfile(os.path.expanduser(os.path.expandvars(path))):  # noqa: PTH111, PTH113 - Path may raise
        return absent
    read: Callable[[str], T] = getattr(import_module("botocore.configloader"), reader)
    try:
        return read(path)
    except import_module("botocore.exceptions").BotoCoreError as error:
        line = re.search(r"(?:\[line +|, line: )([0-9]+)", str(error.__context__))
    # Not raised from the error: that one quotes the line, and its frames hold the file with the keys in it.
    raise ConfigurationError(f"the file {path} cannot be read{f': see its line {line[1]}' if line else ''}")
