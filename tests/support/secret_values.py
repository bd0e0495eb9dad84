"""Writes `contracts/vectors/secret_values.json`: `python -m tests.support.secret_values`. Every key in it is fixed."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.control_plane.secrets import value_frame
from services.internal_admin.secrets.domain.submission import public_key
from shared.kernel.keyring import KeyRing
from tests.support import hpke

PATH = Path(__file__).parents[2] / "contracts/vectors/secret_values.json"
RING = "k1:" + base64.b64encode(b"\x50" * 32).decode()
VALUE = "an example value, ümläut"
_EPHEMERAL = X25519PrivateKey.from_private_bytes(b"\x30" * 32)
_ABOUT = (
    "Values that operators seal for `PUT secrets/{name}`: HPKE in base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), "
    "HKDF-SHA256, AES-256-GCM. `info` is the marker, key_id, scope_kind, scope_id and name, each as uvarint length and "
    "bytes. `sealed_value` is the encapsulated key, the ciphertext and the tag. `ring` is the AUTHSESSION_SECRET_KEYS "
    "that opens it."
)


def text() -> str:
    """The file."""
    key_id, key = public_key(KeyRing.parse("vector", RING))
    cases: list[dict[str, str]] = []
    for kind, scope_id in (("installation", ""), ("pool", "edge"), ("agent", "agent-01arz3ndektsv4rrffq69g5fav")):
        info = value_frame(key_id, kind, scope_id, "MODEL_KEY")
        cases.append({
            "scope_kind": kind, "scope_id": scope_id, "name": "MODEL_KEY", "info": _base64(info), "value": VALUE,
            "sealed_value": _base64(hpke.seal(VALUE.encode(), key, info, _EPHEMERAL)),
        })  # fmt: skip
    whole = {"about": _ABOUT, "ring": RING, "key_id": key_id, "public_key": _base64(key), "values": cases}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
