"""The functions that look into things: index, slice, len, call."""

from __future__ import annotations

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind, assignable, may_be_nil
from etcdpilot.rendering.gotemplate.values import (
    Func,
    Held,
    Mapped,
    Sequenced,
    Typed,
    Value,
    from_bytes,
    indirect,
    is_nothing,
    kind_of,
    made,
    plain,
    to_bytes,
    type_of,
    unheld,
    wrapped,
    zero,
)


def index(item: Value, *places: Value) -> Value:
    """`index x 1 "k"` is x[1]["k"]; a key that is not there gives the zero value."""
    if is_nothing(item):
        raise FunctionError("index of untyped nil")
    for place in places:
        item, is_nil = indirect(item)
        if is_nil:
            raise FunctionError("index of nil pointer")
        item = _indexed(item, place)
    return item


def _indexed(item: Value, place: Value) -> Value:
    if isinstance(item, Mapped):
        key = prepared(place, item.type.key or kinds.STRING)
        found = item.entries.get(plain(key) if type(key) is not Typed else key, item)
        return zero(item.type.elem or kinds.ANY) if found is item else found
    if isinstance(item, Sequenced):
        number = _place(place, len(item.items))
        if number == len(item.items):
            raise FunctionError(f"reflect: {'array' if item.type.kind is Kind.ARRAY else 'slice'} index out of range")
        return item.items[number]
    if kind_of(item) is Kind.STRING:
        return _byte(to_bytes(plain(item)), place)
    raise FunctionError(f"can't index item of type {type_of(item).text}")


def _byte(data: bytes, place: Value) -> Value:
    number = _place(place, len(data))
    if number == len(data):
        raise FunctionError("reflect: string index out of range")
    return Typed(kinds.UINT8, data[number])


def _place(place: Value, capacity: int) -> int:
    """An index as a number from 0 to the capacity, which Go lets through here and finds out about later."""
    if is_nothing(place):
        raise FunctionError("cannot index slice/array with nil")
    if type(place) is Held:
        raise FunctionError(f"cannot index slice/array with type {kinds.ANY.text}")
    of = type_of(place)
    if of.kind not in kinds.INTEGERS:
        raise FunctionError(f"cannot index slice/array with type {of.text}")
    number = wrapped(Kind.INT, plain(place))
    if not 0 <= number <= capacity:
        raise FunctionError(f"index out of range: {number}")
    return number


def prepared(value: Value, wanted: GoType) -> Value:
    """A value for a parameter or a key; whole numbers are converted, as an index or an argument of `call`."""
    if is_nothing(value):
        if not may_be_nil(wanted):
            raise FunctionError(f"value is nil; should be of type {wanted.text}")
        return zero(wanted)
    of = type_of(value)
    if assignable(of, wanted):
        return value
    if of.kind in kinds.INTEGERS and wanted.kind in kinds.INTEGERS:
        return made(wanted, wrapped(wanted.kind, plain(value)))
    raise FunctionError(f"value has type {of.text}; should be {wanted.text}")


def slice_(item: Value, *places: Value) -> Value:
    """`slice x 1 2` is x[1:2], `slice x 1 2 3` is x[1:2:3]. A number inside an interface is refused, as Go does."""
    item, places = unheld(item), tuple(Held(None) if place is None else place for place in places)
    if is_nothing(item):
        raise FunctionError("slice of untyped nil")
    item, is_nil = indirect(item)
    if is_nil:
        raise FunctionError("slice of nil pointer")
    if len(places) > 3:
        raise FunctionError(f"too many slice indexes: {len(places)}")
    if kind_of(item) is Kind.STRING:
        return _sliced_string(item, places)
    if not isinstance(item, Sequenced):
        raise FunctionError(f"can't slice item of type {type_of(item).text}")
    if item.type.kind is Kind.ARRAY:
        _bounds(places, len(item.items), len(item.items))
        raise FunctionError("reflect.Value.Slice: slice of unaddressable array")
    return _sliced(item, places)


def _sliced_string(item: Value, places: tuple[Value, ...]) -> Value:
    if len(places) == 3:
        raise FunctionError("cannot 3-index slice a string")
    data = to_bytes(plain(item))
    start, end, _ = _bounds(places, len(data), len(data))
    return made(type_of(item), from_bytes(data[start:end]))


def _sliced(item: Sequenced, places: tuple[Value, ...]) -> Sequenced:
    everything = [*item.items, *item.spare] if item.spare else item.items
    start, end, capacity = _bounds(places, len(item.items), len(everything))
    return Sequenced(item.type, everything[start:end], item.nil, everything[end:capacity])


def _bounds(places: tuple[Value, ...], length: int, capacity: int) -> tuple[int, int, int]:
    given = [_place(place, capacity) for place in places]
    start, end, limit = (given + [0, length, capacity][len(given) :])[:3]
    if start > end:
        raise FunctionError(f"invalid slice index: {start} > {end}")
    if end > limit:
        raise FunctionError(f"invalid slice index: {end} > {limit}")
    return start, end, limit


def length(item: Value) -> int:
    item, is_nil = indirect(item)
    if is_nil:
        raise FunctionError("len of nil pointer")
    if is_nothing(item):
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(item, Sequenced):
        return len(item.items)
    if isinstance(item, Mapped):
        return len(item.entries)
    if kind_of(item) is Kind.STRING:
        return len(to_bytes(plain(item)))
    raise FunctionError(f"len of type {type_of(item).text}")


def call(name: str, called: Value, *arguments: Value) -> Value:
    """Calls a function that is data; `name` is how the template writes it."""
    if is_nothing(called):
        raise FunctionError("call of nil")
    if not isinstance(called, Func):
        raise FunctionError(f"non-function {name} of type {type_of(called).text}")
    of = called.type
    least = len(of.parameters) - of.variadic
    if of.variadic and len(arguments) < least:
        raise FunctionError(f"wrong number of args for {name}: got {len(arguments)} want at least {least}")
    if not of.variadic and len(arguments) != least:
        raise FunctionError(f"wrong number of args for {name}: got {len(arguments)} want {least}")
    return called.call(*(_call_argument(of, place, value) for place, value in enumerate(arguments)))


def _call_argument(of: GoType, place: int, value: Value) -> Value:
    wanted = of.parameters[min(place, len(of.parameters) - 1)]
    try:
        return prepared(value, wanted)
    except FunctionError as error:
        raise FunctionError(f"arg {place}: {error}") from None
