"""Numbers on the wire (PROTOCOL.md §1): little-endian, and minimal varints."""


class Malformed(Exception):
    """What came is not as the text says it must be."""


def u8(number: int) -> bytes:
    return number.to_bytes(1, "little")


def u16(number: int) -> bytes:
    return number.to_bytes(2, "little")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def varint(number: int) -> bytes:
    """Unsigned LEB128, minimal."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class Reader:
    """Takes fields off the front of some bytes, and refuses to take more than there is."""

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Malformed(f"{count} bytes announced, {self.left} left")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def end(self) -> None:
        if self.left:
            raise Malformed(f"{self.left} bytes behind the end")

    def _number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def u8(self) -> int:
        return self._number(1)

    def u16(self) -> int:
        return self._number(2)

    def u32(self) -> int:
        return self._number(4)

    def u64(self) -> int:
        return self._number(8)

    def varint(self) -> int:
        number = 0
        for place in range(10):
            byte = self.u8()
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (byte == 0 and place > 0) or number >= 1 << 64:
                    raise Malformed("a varint that is not minimal, or too wide")
                return number
        raise Malformed("a varint of more than ten bytes")
