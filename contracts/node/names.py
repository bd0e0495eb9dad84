"""Names of pools, nodes and software, and the paths of the node API."""

import re
from typing import Final

from contracts.strict_json import Fields, invalid, read_text

NODE_API: Final = "/api/v1/node"
JOIN_PATH: Final = NODE_API + "/join"
KEY_PATH: Final = NODE_API + "/key"
CONFIG_PATH: Final = NODE_API + "/config"
STATUS_PATH: Final = NODE_API + "/status"
DOCUMENTS_PATH: Final = NODE_API + "/documents"
REDIS_USER_PATH: Final = NODE_API + "/redis-user"
SECRETS_PATH: Final = NODE_API + "/secrets/open"

MAX_SOFTWARE_LENGTH: Final = 100

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NODE_ID = re.compile(r"node-[0-9a-z]{26}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_name(text: str) -> bool:
    """Whether the text can name a pool or a node: a DNS label in lower case (RFC 1035 §2.3.1), 1 to 63 characters."""
    return _NAME.fullmatch(text) is not None


def is_node_id(text: str) -> bool:
    """Whether the text has the form of a node id: `node-` and a ULID in lower case."""
    return _NODE_ID.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text is a SHA-256 in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def read_name(fields: Fields, field: str) -> str:
    """The field as the name of a pool or a node. Raises `Refusal(INVALID_REQUEST)`."""
    name = read_text(fields, field)
    if not is_name(name):
        raise invalid(f"{field} must be 1 to 63 of a-z, 0-9 and -, without - at its ends")
    return name


def read_software(fields: Fields) -> str | None:
    """The optional field `software`, one printable line such as `example-gateway/1.2`; None if absent or empty."""
    if "software" not in fields:
        return None
    software = read_text(fields, "software")
    if len(software) > MAX_SOFTWARE_LENGTH or not (software == "" or software.isprintable()):
        raise invalid(f"software must be at most {MAX_SOFTWARE_LENGTH} printable characters")
    return software or None
