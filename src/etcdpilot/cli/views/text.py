"""Words and columns for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def clean(text: str) -> str:
    """Without control characters: names and messages of other programs must not steer the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


def size(number: int | None) -> str:
    """20971520 is `20.0 MiB`."""
    if number is None:
        return "?"
    amount = float(number)
    for unit in UNITS:
        if amount < 1024 or unit == UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns, two spaces apart, the head in capitals."""
    table = [[word.upper() for word in head], *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in table) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def mark(good: bool) -> str:
    return click.style("✓", fg="green") if good else click.style("✗", fg="red")


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
