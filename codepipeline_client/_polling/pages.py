"""Iterate over a list of the service, page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

from ..errors import ResponseDecodeError
from .drivers import AsyncSharedIterator, SharedIterator

T = TypeVar("T")


class _Position(Generic[T]):
    def __init__(self, elements_of: Callable[[Any], Iterable[T]]) -> None:
        self.elements: deque[T] = deque()
        self.next_token: str | None = None
        self.is_last = False
        self._elements_of = elements_of

    def turn(self, page: Any) -> None:
        if page.next_token is not None and page.next_token == self.next_token:
            raise ResponseDecodeError("the next token of a page is its own token, so the list would never end")
        self.elements.extend(self._elements_of(page))
        self.next_token, self.is_last = page.next_token, page.next_token is None


class ListIterator(SharedIterator[T]):
    """Yields the elements of all pages. After an error, iterate further to request the same page again."""

    def __init__(self, request: Callable[..., Any], elements_of: Callable[[Any], Iterable[T]]) -> None:
        super().__init__()
        self._request, self._position = request, _Position(elements_of)

    def advance(self) -> T:
        position = self._position
        while not position.elements:
            if position.is_last:
                raise StopIteration
            position.turn(self._request(next_token=position.next_token))
        return position.elements.popleft()


class AsyncListIterator(AsyncSharedIterator[T]):
    def __init__(self, request: Callable[..., Awaitable[Any]], elements_of: Callable[[Any], Iterable[T]]) -> None:
        super().__init__()
        self._request, self._position = request, _Position(elements_of)

    async def advance(self) -> T:
        position = self._position
        while not position.elements:
            if position.is_last:
                raise StopAsyncIteration
            position.turn(await self._request(next_token=position.next_token))
        return position.elements.popleft()
