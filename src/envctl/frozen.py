"""`dataclass` for frozen values, at a twentieth of what the standard one costs to define.

`dataclasses.dataclass(frozen=True, slots=True)` compiles six functions for each class and makes the
class twice: about 0.45 ms. A warm ``apply`` loads some hundred of our values, and 45 ms is half of what
a small environment takes in all. Here the functions are shared: each class gets its slots and a
handful of closures, in 20 µs. What `dataclasses.fields` and `dataclasses.is_dataclass` look for is made
when they ask.

Only what our values need: frozen, with slots, no inheritance of fields, no ``__post_init__``. Imports
next to nothing, `typing` for type checkers only: a warm lock has no other use for it, and it takes 5 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform, overload

    _Class = TypeVar("_Class", bound=type)
    _Value = TypeVar("_Value")


class _Default:
    """A default that is made anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """Declare a field whose default is made for each instance, as `dataclasses.field` does."""
    return _Default(default_factory)


if TYPE_CHECKING:

    @overload
    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def dataclass(cls: _Class, /) -> _Class: ...

    @overload
    def dataclass(
        *, frozen: bool = ..., slots: bool = ..., kw_only: bool = ..., eq: bool = ..., repr: bool = ...
    ) -> Callable[[_Class], _Class]: ...


def dataclass(
    cls: Any = None,
    /,
    *,
    frozen: bool = True,  # noqa: ARG001 - read by type checkers; all of them are
    slots: bool = True,  # noqa: ARG001 - likewise
    kw_only: bool = False,
    eq: bool = True,
    repr: bool = True,  # noqa: A002 - the name that the standard decorator has
) -> Any:
    """Make a class a frozen value with slots. Arguments as those of `dataclasses.dataclass`."""

    def decorate(plain: type) -> type:
        return _make(plain, kw_only=kw_only, eq=eq, repr_=repr)

    return decorate if cls is None else decorate(cls)


def replace(value: _Value, /, **changes: Any) -> _Value:
    """Return a value of the same class with some fields changed, as `dataclasses.replace` does."""
    cls: Any = type(value)
    made: _Value = cls(**{name: getattr(value, name) for name in cls.__frozen_fields__} | changes)
    return made


def fields(value: Any) -> tuple[str, ...] | None:
    """Name the fields of a value that was made here, in their order; None for any other value."""
    found: tuple[str, ...] | None = getattr(type(value), "__frozen_fields__", None)
    return found


def _make(plain: type, *, kw_only: bool, eq: bool, repr_: bool) -> type:
    namespace = dict(plain.__dict__)
    names = tuple(
        name
        for name, annotation in namespace.get("__annotations__", {}).items()
        if not str(annotation).startswith(("ClassVar", "typing.ClassVar"))
    )
    defaults = {name: namespace.pop(name) for name in names if name in namespace}
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace |= {
        "__slots__": names,
        "__match_args__": () if kw_only else names,
        "__frozen_fields__": names,
        "__dataclass_fields__": _StandardFields(),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__reduce__": _reduce,
    }
    made = type(plain)(plain.__name__, plain.__bases__, namespace)
    made.__qualname__ = plain.__qualname__
    methods: dict[str, object] = {"__init__": _make_init(made, names, defaults, kw_only=kw_only)}
    if eq:
        methods |= _make_comparison(made, names)
    if repr_:
        methods["__repr__"] = _describe
    for name, method in methods.items():
        if name not in namespace:
            setattr(made, name, method)
    return made


def _make_init(
    cls: type, names: tuple[str, ...], defaults: Mapping[str, Any], *, kw_only: bool
) -> Callable[..., None]:
    # The slots' own descriptors set what `__setattr__` refuses, and skip its look-up.
    setters = [(name, cls.__dict__[name].__set__) for name in names]
    positional, count = 0 if kw_only else len(names), len(names)

    def __init__(self: object, *values: object, **given: Any) -> None:  # noqa: N807 - becomes the method
        if not values and len(given) == count:
            try:
                for name, put in setters:
                    put(self, given[name])
            except KeyError:
                pass  # it is told below what is missing
            else:
                return
        if values:
            if len(values) > positional:
                raise TypeError(f"{cls.__name__} takes {positional} positional arguments, not {len(values)}")
            for name, value in zip(names, values, strict=False):
                if name in given:
                    raise TypeError(f"{cls.__name__} got two values for {name!r}")
                given[name] = value
        for name, put in setters:
            if name in given:
                put(self, given.pop(name))
            elif name in defaults:
                default = defaults[name]
                put(self, default.make() if type(default) is _Default else default)
            else:
                raise TypeError(f"{cls.__name__} needs {name!r}")
        if given:
            raise TypeError(f"{cls.__name__} has no {', '.join(map(repr, given))}")

    return __init__


def _make_comparison(cls: type, names: tuple[str, ...]) -> dict[str, object]:
    if not names:
        read: Callable[[object], object] = lambda self: ()  # noqa: E731, ARG005 - nothing to read
    else:
        read = attrgetter(*names)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - becomes the method
        return bool(read(self) == read(other)) if type(other) is cls else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807 - becomes the method
        return hash(read(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _describe(self: Any) -> str:
    parts = (f"{name}={getattr(self, name)!r}" for name in self.__frozen_fields__)
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _refuse(self: object, name: str, *_: object) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: {name!r} stays as it is")


def _reduce(self: Any) -> tuple[object, ...]:
    return _restore, (type(self), {name: getattr(self, name) for name in self.__frozen_fields__})


def _restore(cls: Any, fields: Mapping[str, object]) -> object:
    return cls(**fields)


class _StandardFields:
    """What `dataclasses` looks for on a class, made when it does."""

    __slots__ = ()

    def __get__(self, instance: object, owner: Any) -> Mapping[str, Any]:
        import dataclasses  # noqa: PLC0415 - whoever asks has loaded it

        twin: Any = dataclasses.make_dataclass(owner.__name__, owner.__frozen_fields__)
        found: Mapping[str, Any] = twin.__dataclass_fields__
        owner.__dataclass_fields__ = found  # made once
        return found
