"""Bech32m (BIP 350) with the limit of length of PROTOCOL.md §3.4."""

from wire import Malformed

MAX_TEXT_CHARACTERS = 1_023

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANT = 0x2BC830A3
_CHECKSUM_CHARACTERS = 6


def encode(prefix: str, data: bytes) -> str:
    values = _regroup(data, 8, 5, pad=True)
    residue = _polymod(_expand(prefix) + values + [0] * _CHECKSUM_CHARACTERS) ^ _CONSTANT
    checksum = [residue >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_CHARACTERS)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values + checksum)


def decode(prefix: str, text: str) -> bytes:
    if len(text) > MAX_TEXT_CHARACTERS or text not in (text.lower(), text.upper()):
        raise Malformed("too long, or of mixed case")
    found, _, rest = text.lower().rpartition("1")
    values = [_ALPHABET.find(character) for character in rest]
    if found != prefix or -1 in values or len(values) < _CHECKSUM_CHARACTERS:
        raise Malformed("another prefix, or characters that bech32 does not have")
    if _polymod(_expand(prefix) + values) != _CONSTANT:
        raise Malformed("a wrong checksum")
    return bytes(_regroup(values[:-_CHECKSUM_CHARACTERS], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(values: list[int]) -> int:
    residue = 1
    for value in values:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            if top >> place & 1:
                residue ^= generator
    return residue


def _regroup(values, width: int, new_width: int, pad: bool) -> list[int]:
    held, bits, groups = 0, 0, []
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= new_width:
            bits -= new_width
            groups.append(held >> bits & (1 << new_width) - 1)
    remainder = held & (1 << bits) - 1
    if pad and bits:
        groups.append(remainder << new_width - bits)
    elif not pad and (bits >= width or remainder):
        raise Malformed("padding other than zeros, or too much of it")
    return groups
