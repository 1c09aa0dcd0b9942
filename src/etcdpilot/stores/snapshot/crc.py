"""CRC-32C of pieces that are hashed apart and joined afterwards, in their order.

The checksum of `a + b` follows from those of `a` and of `b` and the length of `b`: the first is moved on by that many
zero bytes, a multiplication by x^(8·length) modulo the polynomial, and the second is added (Mark Adler's method, as in
zlib's crc32_combine).
"""

from __future__ import annotations

from google_crc32c import extend

POLYNOMIAL = 0x82F63B78  # Castagnoli's, its lowest power first
ONE = 1 << 31  # x^0
BYTE = 1 << 23  # x^8


class Piece:
    """What was hashed so far, and how long it was."""

    __slots__ = ("size", "value")

    def __init__(self) -> None:
        self.value = self.size = 0

    def copy(self) -> Piece:
        made = Piece()
        made.value, made.size = self.value, self.size
        return made

    def add(self, data: bytes) -> None:
        self.value = extend(self.value, data)
        self.size += len(data)


def joined(value: int, *pieces: Piece) -> int:
    """The checksum of what `value` was taken of, and of the pieces behind it."""
    for piece in pieces:
        value = multiplied(value, power(BYTE, piece.size)) ^ piece.value
    return value


def power(base: int, exponent: int) -> int:
    found = ONE
    while exponent:
        if exponent & 1:
            found = multiplied(found, base)
        base = multiplied(base, base)
        exponent >>= 1
    return found


def multiplied(one: int, other: int) -> int:
    """Two polynomials over GF(2) modulo Castagnoli's; bit 31 is x^0."""
    product = 0
    for place in range(31, -1, -1):
        if one >> place & 1:
            product ^= other
        other = other >> 1 ^ (POLYNOMIAL if other & 1 else 0)
    return product
