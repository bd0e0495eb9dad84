"""Tags of networks: an HMAC is stored, so that a dump shows no addresses (SPEC §3.6). Pure."""

import hmac
from dataclasses import dataclass

from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network

_MARKER = b"authsession-network-tag-v1"
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class NetworkTags:
    """The tags of one network. Only `newest` is written.

    `readable` holds the tag under every key, so that a network keeps its share of each budget while keys rotate. It
    also holds the tags from the time when a network was an IPv6 /64, so that known networks stay known.
    """

    newest: bytes
    readable: tuple[bytes, ...]


def network_tags(keys: KeyRing, network: Network) -> NetworkTags:
    """The tags of a network under each key of the ring."""
    texts = (network.text,) if network.former_text is None else (network.text, network.former_text)
    tags = tuple(
        hmac.digest(key.secret, _MARKER + text.encode("ascii"), "sha256")[:_TAG_BYTES] for text in texts for key in keys
    )
    return NetworkTags(newest=tags[0], readable=tags)
