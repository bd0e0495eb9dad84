"""Encodes fields for a signature: each as uvarint length + bytes, so that no two lists are equal (SPEC §3.9, §6.5)."""


def length_prefixed(*fields: bytes) -> bytes:
    """The fields in order, each after its length."""
    return b"".join(uvarint(len(field)) + field for field in fields)


def uvarint(number: int) -> bytes:
    """The number in base 128, least significant group first, as protobuf and Go's `binary.PutUvarint` write it."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))
