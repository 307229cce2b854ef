"""Iterate over a list of the service, page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from attrs import evolve

from ..errors import ResponseDecodeError
from .drivers import AsyncSharedIterator, SharedIterator

T = TypeVar("T")


class _Pages(Generic[T]):
    def __init__(self, call: Callable[[Any], Any], request: Any, elements_of: Callable[[Any], Iterable[T]]) -> None:
        super().__init__()
        self._call, self._elements_of = call, elements_of
        self._request: Any = request
        """Requests the next page. None after the last one."""
        self._elements = deque[T]()
        self._tokens = set[str | None]()

    def _turn(self, page: Any) -> None:
        if page.next_token in self._tokens:
            raise ResponseDecodeError("a page has the next token of an earlier one, so the list would never end")
        self._elements.extend(self._elements_of(page))
        self._tokens.add(page.next_token)
        # botocore, too, takes an empty token for none
        self._request = evolve(self._request, next_token=page.next_token) if page.next_token else None


class ListIterator(_Pages[T], SharedIterator[T]):
    """Yields the elements of all pages. After an error, iterate further to request the same page again."""

    def advance(self) -> T:
        while not self._elements:
            if self._request is None:
                raise StopIteration
            self._turn(self._call(self._request))
        return self._elements.popleft()


class AsyncListIterator(_Pages[T], AsyncSharedIterator[T]):
    async def advance(self) -> T:
        while not self._elements:
            if self._request is None:
                raise StopAsyncIteration
            self._turn(await self._call(self._request))
        return self._elements.popleft()
