"""Places and rooms: who may have a connection, in which order, which one; and what is left behind is closed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._pool import Places, Rooms, Turn
from codepipeline_client._tls import Closed, may_pass


@define(eq=False)
class FakeConnection:
    """Tells what became of it."""

    origin: str = "here"
    is_fit: bool = True
    fate: str = "open"

    def abort(self) -> None:
        self.fate = "aborted"

    def drop(self) -> None:
        self.fate = "dropped"


@define
class Terms:
    """A pool's terms, and the clock that goes with them."""

    max_connections: int = 2
    idle_seconds: float = 15.0
    now: float = 0.0

    @property
    def monotonic(self) -> Callable[[], float]:
        return lambda: self.now


Call = Turn[FakeConnection]
FakePlaces = Places[FakeConnection, Event]


def served(places: FakePlaces, connection: FakeConnection | None = None) -> Call:
    """Let a call in that there is a place for, with a new connection if there is one."""
    turn = Call()
    assert places.enter(turn) is None
    if connection is not None:
        places.hold(turn, connection)
    return turn


def rested(places: FakePlaces, *connections: FakeConnection) -> None:
    """Put connections to rest, the last one on top."""
    turns = [served(places, connection) for connection in connections]
    for turn in turns:
        places.leave(turn, rests=True)


def test_there_are_as_many_places_as_connections_may_be() -> None:
    places = FakePlaces(Terms(max_connections=2), Event)
    served(places)
    served(places)
    late = Call()
    assert places.enter(late) is not None
    assert not places.has_place(late)


def test_who_came_first_is_served_first() -> None:
    places = FakePlaces(Terms(max_connections=1), Event)
    first = served(places)
    line = [Call() for _ in range(3)]
    events = [places.enter(turn) for turn in line]
    for turn, event in zip(line, events, strict=True):
        assert event is not None
        assert not event.is_set()
        places.leave(first)
        assert event.is_set()
        assert places.has_place(turn)
        first = turn


def test_nobody_passes_the_one_who_was_called_but_has_not_come_yet() -> None:
    places = FakePlaces(Terms(max_connections=1), Event)
    first, second, third = served(places), Call(), Call()
    places.enter(second)
    places.leave(first)
    assert places.enter(third) is not None
    assert places.has_place(second)


def test_who_gives_up_waiting_is_passed_over() -> None:
    places = FakePlaces(Terms(max_connections=1), Event)
    first, second, third = served(places), Call(), Call()
    places.enter(second)
    places.enter(third)
    places.leave(second)
    places.leave(first)
    assert places.has_place(third)


def test_who_gives_up_when_just_called_hands_the_place_on() -> None:
    places = FakePlaces(Terms(max_connections=1), Event)
    first, second, third = served(places), Call(), Call()
    places.enter(second)
    places.enter(third)
    places.leave(first)
    places.leave(second)
    assert places.has_place(third)


def test_leaving_twice_frees_one_place() -> None:
    places = FakePlaces(Terms(max_connections=1), Event)
    first = served(places, FakeConnection())
    places.leave(first)
    places.leave(first, rests=True)
    served(places)
    assert places.enter(Call()) is not None


def test_the_connection_used_last_is_used_next() -> None:
    places = FakePlaces(Terms(max_connections=3), Event)
    old, middle, new = FakeConnection(), FakeConnection(), FakeConnection()
    rested(places, old, middle, new)
    assert [places.take(served(places), "here") for _ in range(3)] == [new, middle, old]


def test_without_a_resting_connection_there_is_none() -> None:
    places = FakePlaces(Terms(), Event)
    assert places.take(served(places), "here") is None


def test_a_connection_that_does_not_rest_is_closed() -> None:
    places, connection = FakePlaces(Terms(), Event), FakeConnection()
    places.leave(served(places, connection))
    assert connection.fate == "dropped"
    assert places.take(served(places), "here") is None


@pytest.mark.parametrize(
    "unfit", [FakeConnection(is_fit=False), FakeConnection(origin="elsewhere")], ids=["broken", "elsewhere"]
)
def test_an_unfit_connection_is_closed_and_the_next_one_taken(unfit: FakeConnection) -> None:
    places, fit = FakePlaces(Terms(), Event), FakeConnection()
    rested(places, fit, unfit)
    assert places.take(served(places), "here") is fit
    assert unfit.fate == "dropped"


@pytest.mark.parametrize(("after", "fate"), [(14.9, "open"), (15.0, "dropped")], ids=["young", "old"])
def test_a_connection_is_used_until_it_is_too_old(after: float, fate: str) -> None:
    terms, connection = Terms(), FakeConnection()
    places = FakePlaces(terms, Event)
    rested(places, connection)
    terms.now = after
    assert places.take(served(places), "here") is (connection if fate == "open" else None)
    assert connection.fate == fate


def test_old_connections_at_the_bottom_are_closed_when_a_call_leaves() -> None:
    terms, forgotten, busy = Terms(), FakeConnection(), FakeConnection()
    places = FakePlaces(terms, Event)
    rested(places, forgotten, busy)
    terms.now = 10.0
    turn = served(places)
    assert places.take(turn, "here") is busy
    terms.now = 20.0
    places.leave(turn, rests=True)
    assert (forgotten.fate, busy.fate) == ("dropped", "open")


def test_closing_ends_everything() -> None:
    """Calls under way are told, who waits is sent away, what rests is closed, nobody comes in any more."""
    places = FakePlaces(Terms(max_connections=2), Event)
    resting, used = FakeConnection(), FakeConnection()
    rested(places, resting)
    served(places, used)
    without = served(places)
    waiting = Call()
    event = places.enter(waiting)
    places.close()
    places.close()
    assert (resting.fate, used.fate) == ("dropped", "aborted")
    assert event is not None
    assert event.is_set()
    for attempt in (
        lambda: places.has_place(waiting),
        lambda: places.enter(Call()),
        lambda: places.hold(without, FakeConnection()),
    ):
        with pytest.raises(Closed, match="the client was closed") as caught:
            attempt()
        assert not may_pass(caught.value)


def test_what_is_still_used_when_the_places_close_does_not_rest() -> None:
    places, used = FakePlaces(Terms(), Event), FakeConnection()
    turn = served(places, used)
    places.close()
    places.leave(turn, rests=True)
    assert used.fate == "dropped"


def test_dropping_closes_what_is_used_and_what_rests_whoever_holds_the_lock() -> None:
    places, resting, used = FakePlaces(Terms(), Event), FakeConnection(), FakeConnection()
    rested(places, resting)
    served(places, used)
    served(places)
    places.drop()
    assert (resting.fate, used.fate) == ("dropped", "dropped")


@given(st.lists(st.tuples(st.sampled_from(["come", "rest", "close", "give up"]), st.integers(0, 9)), max_size=60))
def test_whatever_happens_no_place_is_lost_and_none_too_many_is_given(events: list[tuple[str, int]]) -> None:
    places = FakePlaces(Terms(max_connections=3), Event)
    inside: list[Call] = []
    line: list[Call] = []
    open_ones: list[FakeConnection] = []
    for event, index in events:
        if event == "come":
            turn = Call()
            (inside if places.enter(turn) is None else line).append(turn)
            if turn in inside and places.take(turn, "here") is None:
                open_ones.append(FakeConnection())
                places.hold(turn, open_ones[-1])
        elif event == "give up" and line:
            places.leave(line.pop(index % len(line)))
        elif event in ("rest", "close") and inside:
            places.leave(inside.pop(index % len(inside)), rests=event == "rest")
        while line and places.has_place(line[0]):
            inside.append(line.pop(0))
        assert len(inside) <= 3
        assert not line or len(inside) == 3
        assert len([each for each in open_ones if each.fate == "open"]) <= 3
    for turn in [*inside, *line]:
        places.leave(turn)
    assert [places.enter(Call()) for _ in range(3)] == [None] * 3


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    """30 threads over 3 places."""
    places = FakePlaces(Terms(max_connections=3), Event)
    holders = [served(places) for _ in range(3)]
    order: list[int] = []

    def wait(number: int, turn: Call, event: Event) -> None:
        assert event.wait(10)
        order.append(number)
        places.leave(turn)

    threads: list[Thread] = []
    for number in range(27):
        turn = Call()
        event = places.enter(turn)
        assert event is not None
        threads.append(Thread(target=wait, args=(number, turn, event)))
    places.leave(holders[0])
    for thread in threads:
        thread.start()
        thread.join()
    assert order == list(range(27))


@define(eq=False)
class Room:
    """Tells whether it was left."""

    dropped: bool = field(default=False)

    def drop(self) -> None:
        self.dropped = True


def test_each_key_has_its_room() -> None:
    rooms: Rooms[str, Room] = Rooms(Room, lambda _: False)
    one, two = rooms.of("one"), rooms.of("two")
    assert one is not two
    assert rooms.of("one") is one
    assert rooms.all() == (("one", one), ("two", two))


def test_what_has_ended_is_dropped_when_the_next_comes() -> None:
    ended: set[str] = set()
    rooms: Rooms[str, Room] = Rooms(Room, ended.__contains__)
    first, second = rooms.of("first"), rooms.of("second")
    ended.add("first")
    assert not first.dropped
    third = rooms.of("third")
    assert (first.dropped, second.dropped) == (True, False)
    assert rooms.all() == (("second", second), ("third", third))


def test_two_newcomers_may_clear_up_at_once() -> None:
    """What one of them is about to drop, the other has dropped already."""
    others: list[Room] = []

    def has_ended(key: str) -> bool:
        if key == "old" and not others:
            others.append(rooms.of("other"))
        return key == "old"

    rooms: Rooms[str, Room] = Rooms(Room, has_ended)
    rooms.of("old")
    rooms.of("new")
    assert {key for key, _ in rooms.all()} == {"new", "other"}


def test_dropping_the_rooms_drops_each() -> None:
    rooms: Rooms[str, Room] = Rooms(Room, lambda _: False)
    both = [rooms.of("one"), rooms.of("two")]
    rooms.drop()
    assert all(room.dropped for room in both)
