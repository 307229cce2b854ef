"""
Read attrs classes from JSON, write them as JSON, and check them: each field by its type and its rule.

The names on the wire follow from those in Python: ``pipelineVersion`` is the member for ``pipeline_version``. The
metadata of a field may have another ``name``, and the ``rule`` of the service for its values. A rule returns in words
what a value breaks, or None. Unless strict, any value of the right type passes.
To compile regular expressions, or annotations, takes as long as a call: patterns are checked without, and types are
known by the words of their annotations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from inspect import get_annotations
from string import ascii_letters, digits
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar, cast

from attrs import NOTHING, AttrsInstance, fields, has

from ..errors import ParameterViolation
from ..models import OpenEnum, ResponseMetadata
from .strict_json import JsonObject, is_list, is_object, kind_of, replace_surrogates

Rule = Callable[[Any, bool], str | None]
Metadata = Mapping[str, Rule]
T = TypeVar("T")
Known = Mapping[str, Any]
"""Values of fields that are not read, here and in nested objects."""
_Reader = Callable[[Any, Known], object]

_IDENTITY: Final = ("pipeline_name", "pipeline_execution_id")
"""What a response may omit if the request has it. It may not be about something else."""
_IRREGULAR: Final = {"log_stream_arn": "logStreamARN"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_ELEMENTS: Final = 10_000
"""The longest list that is read: far more than a pipeline may have of anything."""
_UUID: Final = "-".join([f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12)])


def _rule(kind: type[T], words: str, broken: Callable[[T], str | None]) -> Metadata:
    """Return the rule for a value of a *kind*, of which *broken* says what else it breaks."""

    def check(value: object, strict: bool) -> str | None:
        if not isinstance(value, kind) or isinstance(value, bool):
            return "is required" if value is None else f"must be {words}, not {type(value).__name__}"
        return broken(value) if strict else None

    return {"rule": check}


def text(most: int, signs: str = "", *, is_line: bool = False) -> Metadata:
    """Return the rule for a string of 1 to *most* characters: any, or letters and digits if there are *signs*."""
    characters, pattern = ascii_letters + digits + signs, "[A-Za-z0-9" + signs.replace("-", r"\-") + "]+"

    def broken(value: str) -> str | None:
        if not 1 <= len(value) <= most:
            return f"must have 1 to {most} characters, not {len(value)}"
        if is_line and "\n" in value:
            return "must not have line breaks"
        return f"must match {pattern}, not {cut(value)!r}" if signs and value.strip(characters) else None

    return _rule(str, "a string", broken)


def _execution_id(value: str) -> str | None:
    is_uuid = not value.strip("0123456789abcdef-") and [*map(len, value.split("-"))] == [8, 4, 4, 4, 12]
    return None if is_uuid else f"must be a UUID in lower case, {_UUID}, not {cut(value)!r}"


def list_of(kind: type[object]) -> Metadata:
    """Return the rule for a tuple of elements of a *kind*. What breaks it may be a secret, and is not shown."""

    def broken(value: Any, strict: bool) -> str | None:
        wrong = [type(each).__name__ for each in value if not isinstance(each, kind)]
        if wrong:
            return f"must have elements of the class {kind.__name__}, not {wrong[0]}"
        return f"must have at most 50 elements, not {len(value)}" if strict and len(value) > 50 else None

    return {"rule": broken}


def one_of(kind: type[OpenEnum]) -> Metadata:
    """Return the rule for a value of an enum."""
    words = f"one of {', '.join(kind)}"
    return _rule(kind, words, lambda value: None if value.is_known else f"must be {words}, not {cut(value.value)!r}")


def cut(value: str) -> str:
    """Return the start of *value* for a message."""
    return value if len(value) <= 100 else value[:100] + "…"


NAME: Final = text(100, ".@-_")
NEXT_TOKEN: Final = text(2048)
EXECUTION_ID: Final = _rule(str, "a string", _execution_id)
PAGE_SIZE: Final = _rule(
    int, "an integer", lambda size: None if 1 <= size <= 100 else f"must be from 1 to 100, not {size}"
)


class _Member(NamedTuple):
    field: str
    name: str
    read: _Reader
    is_required: bool
    rule: Rule | None


class OperationInput:
    """The input of an operation. Its subclasses are attrs classes."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]
    pipeline_name: str

    def violations(self, strict: bool = True) -> tuple[ParameterViolation, ...]:
        """Return every rule of the operation that the input breaks; unless *strict*, only types are checked."""
        return tuple(_violations(self, strict, ""))

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        return write(self)


InputT = TypeVar("InputT", bound=OperationInput)


class OperationOutput(Generic[InputT]):
    """The output of an operation. Its subclasses are attrs classes."""

    __slots__ = ()

    @classmethod
    def from_wire(cls, request: InputT, metadata: ResponseMetadata, region_name: str | None, raw: JsonObject) -> Self:
        """Read a region's response. Raises MalformedMemberError when it is not a response to the *request*."""
        requested = {name: value for name in _IDENTITY if (value := getattr(request, name, None)) is not None}
        return read(cls, raw, {**requested, "response_metadata": metadata, "raw": raw, "region_name": region_name})


def _violations(instance: AttrsInstance, strict: bool, path: str) -> Iterator[ParameterViolation]:
    for member in _members(type(instance)):
        value, rule, where = getattr(instance, member.field), member.rule, path + member.field
        if rule is not None and (value is not None or member.is_required) and (broken := rule(value, strict)):
            yield ParameterViolation(where, broken)
        elif isinstance(value, tuple):
            for index, each in enumerate(cast("tuple[AttrsInstance, ...]", value)):
                yield from _violations(each, strict, f"{where}[{index}].")


class MalformedMemberError(Exception):
    """A member of a response that is wrong, or absent and required."""

    def __init__(self, problem: str, *path: str | int) -> None:
        super().__init__(problem)
        self.path = [*path]
        """Names, and indexes in lists. Each reader that the error passes puts its own in front."""

    def __str__(self) -> str:
        path = "".join([f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path])
        return f"{path.removeprefix('.')}: {self.args[0]}"


def read(kind: Callable[..., T], raw: object, known: Known) -> T:
    """Return an instance of *kind*. Raises MalformedMemberError for a member that is wrong, or absent and required."""
    if not is_object(raw):
        raise _unexpected("an object", raw)
    values: dict[str, Any] = {}
    readers, given, required = _readers(kind)
    for parameter, name, reader in readers:
        value = raw.get(name)
        if reader is _string and isinstance(value, str) and value.isascii():  # as most are
            values[parameter] = value
        elif value is not None:
            try:
                values[parameter] = reader(value, known)
            except MalformedMemberError as error:
                error.path.insert(0, name)
                raise
    if given or required:
        _complete(values, known, given, required)
    return kind(**values)


def _complete(
    values: dict[str, Any], known: Known, given: list[tuple[str, str]], required: list[tuple[str, str, Rule | None]]
) -> None:
    """Add what is *known* of the fields that the call has *given*, and check those that are *required*."""
    for parameter, name in given:
        if parameter in values and (value := known.get(parameter, values[parameter])) != values[parameter]:
            problem = f"the response is about {cut(values[parameter])!r}, and {cut(value)!r} was requested"
            raise MalformedMemberError(problem, name)
        if parameter in known:
            values[parameter] = known[parameter]
    for parameter, name, rule in required:
        if parameter not in values:
            raise MalformedMemberError("it is absent", name)
        if rule is not None and (broken := rule(values[parameter], True)):
            raise MalformedMemberError(f"it {broken}", name)


def _unexpected(expected: str, value: object) -> MalformedMemberError:
    return MalformedMemberError(f"{expected} was expected, not {kind_of(value)}")


def _string(value: object, _known: Known) -> str:
    """Return a string. A lone surrogate, which a truncated string may end with, becomes U+FFFD."""
    if not isinstance(value, str):
        raise _unexpected("a string", value)
    return value if value.isascii() else replace_surrogates(value)


def _integer(value: object, _known: Known) -> int:
    if not isinstance(value, int) or isinstance(value, bool):  # a boolean is an int to Python
        raise _unexpected("an integer", value)
    return value


def _timestamp(value: object, _known: Known) -> datetime:
    """Return seconds since the epoch as an aware datetime in UTC. ISO 8601 is read too, since moto writes it."""
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            if (moment := datetime.fromisoformat(value)).tzinfo is not None:
                return moment.astimezone(UTC)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _unexpected("a number of seconds since 1970", value)
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError:
        raise MalformedMemberError("the time, in seconds since 1970, is out of range") from None


def _strings(value: object, known: Known) -> dict[str, str]:
    """Return a map of strings. Null values are left out."""
    if not is_object(value):
        raise _unexpected("an object", value)
    return {replace_surrogates(name): each for name, each in _each(_string, value.items(), known)}


def _structures(kind: Callable[..., T], value: object, known: Known) -> tuple[T, ...]:
    """Return a list of instances of *kind*. Null elements are left out."""
    if not is_list(value):
        raise _unexpected("a list", value)
    if len(value) > _MAX_ELEMENTS:
        raise MalformedMemberError(f"{len(value)} elements are more than any response has")
    return tuple([each for _, each in _each(partial(read, kind), enumerate(value), known)])


def _each(reader: _Reader, values: Iterable[tuple[Any, object]], known: Known) -> Iterator[tuple[Any, Any]]:
    """Yield the place of each value that is not null, and what it is read as."""
    for place, value in values:
        try:
            if value is not None:
                yield place, reader(value, known)
        except MalformedMemberError as error:
            error.path.insert(0, place)
            raise


_SCALARS: Final[Mapping[str, _Reader]] = {
    "str": _string,
    "int": _integer,
    "datetime": _timestamp,
    "Mapping[str, str]": _strings,
}


def write(instance: AttrsInstance) -> JsonObject:
    """Return the JSON of an *instance*, without None and empty lists. Raises ValueError for a wrong time."""
    return present(**{each.name: _written(getattr(instance, each.field), each) for each in _members(type(instance))})


def present(**members: object) -> JsonObject:
    """Return the *members* without None and empty lists."""
    return {name: value for name, value in members.items() if value not in (None, [])}


def _written(value: Any, member: _Member) -> object:
    if member.read is _timestamp and value is not None:
        if not isinstance(value, datetime) or value.utcoffset() is None:
            words = "is sent in seconds since 1970: give a datetime with a time zone"
            raise ValueError(f"{member.field} {words}, not {value!r}")
        return value.timestamp()
    if isinstance(value, tuple):
        return [write(each) for each in cast("tuple[AttrsInstance, ...]", value)]
    if isinstance(value, OpenEnum):
        return value.value
    return write(value) if hasattr(value, "__attrs_attrs__") else value


@cache
def _readers(kind: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return how to read members, which are known besides, and which are required: apart, since a call waits for it."""
    members, known = _members(kind), (*_IDENTITY, "response_metadata", "raw", "region_name")
    readers = [(each.field, each.name, each.read) for each in members if each.field not in known[2:]]
    required = [(each.field, each.name, each.rule) for each in members if each.is_required]
    return readers, [(each.field, each.name) for each in members if each.field in known], required


@cache
def _members(kind: Any) -> tuple[_Member, ...]:
    names, members = vars(sys.modules[kind.__module__]), list[_Member]()
    # As they are written, since cattrs evaluates the types of the fields of a class that it converts.
    annotations = {name: given for each in reversed(kind.__mro__) for name, given in get_annotations(each).items()}
    for each in fields(kind):
        first, *others = each.name.split("_")
        name = _IRREGULAR.get(each.name) or first + "".join([word.capitalize() for word in others])
        name, rule = each.metadata.get("name", name), each.metadata.get("rule")
        given = annotations.get(each.name, each.type)  # a type in a user's class, which may have no annotations
        reader = _reader(str(getattr(given, "__name__", given)), names)
        members.append(_Member(each.name, name, reader, each.default is NOTHING, rule))
    return tuple(members)


def _reader(annotation: str, names: Mapping[str, Any]) -> _Reader:
    """Return what reads a member that is there, by the *annotation* of its field and the *names* of its module."""
    name = annotation.removesuffix(" | None")
    if name in _SCALARS:
        return _SCALARS[name]
    kind: Any = names.get(name.removeprefix("tuple[").removesuffix(", ...]"))
    if name.startswith("tuple["):
        return partial(_structures, kind)
    if has(kind):
        return partial(read, kind)
    listed = {each.value: each for each in getattr(kind, "__members__", {}).values()}  # an enum's own lookup takes long
    return lambda value, known: listed.get(found := _string(value, known)) or kind(found)
