"""Fields to be signed: each as uvarint length + bytes, so that no two lists of fields look alike (SPEC §3.9, §6.5)."""


def length_prefixed(*fields: bytes) -> bytes:
    """The fields in their order, each behind its length."""
    return b"".join(uvarint(len(field)) + field for field in fields)


def uvarint(number: int) -> bytes:
    """Base-128, least significant group first, as protobuf and Go's `binary.PutUvarint` write it."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))
