"""What is known of a thing: its value, that it is not there, or why nobody can tell.

Not being able to ask is never "not there": whoever reads a fact must say what to do about each of the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """It was asked for and answered."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Absent:
    """It was asked for and is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be asked for; `why` is a sentence for a person."""

    why: str
