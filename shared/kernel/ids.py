"""New identifiers. A text id is a prefix and a ULID in lower case; a row id is a UUIDv7 (RFC 9562).

Both begin with 48 bits of Unix milliseconds, so that indexes grow at one end. A ULID has 80 random bits, which make a
challenge id unguessable. A UUIDv7 has 74. Ids of one millisecond have no order.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"  # https://www.crockford.com/base32.html
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_SHIFTS = range(120, -1, -10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_challenge_id(clock: Clock, entropy: Entropy) -> str:
    return f"challenge-{_ulid(clock, entropy)}"


def new_device_session_id(clock: Clock, entropy: Entropy) -> str:
    return f"device-session-{_ulid(clock, entropy)}"


def new_user_id(clock: Clock, entropy: Entropy) -> str:
    return f"user-{_ulid(clock, entropy)}"


def new_operator_id(clock: Clock, entropy: Entropy) -> str:
    return f"operator-{_ulid(clock, entropy)}"


def new_operator_session_id(clock: Clock, entropy: Entropy) -> str:
    return f"operator-session-{_ulid(clock, entropy)}"


def new_token_id(clock: Clock, entropy: Entropy) -> str:
    return f"token-{_ulid(clock, entropy)}"


def new_node_id(clock: Clock, entropy: Entropy) -> str:
    return f"node-{_ulid(clock, entropy)}"


def new_join_token_id(clock: Clock, entropy: Entropy) -> str:
    return f"join-token-{_ulid(clock, entropy)}"


def new_gateway_config_id(clock: Clock, entropy: Entropy) -> str:
    return f"gateway-config-{_ulid(clock, entropy)}"


def new_agent_id(clock: Clock, entropy: Entropy) -> str:
    return f"agent-{_ulid(clock, entropy)}"


def new_secret_id(clock: Clock, entropy: Entropy) -> str:
    return f"secret-{_ulid(clock, entropy)}"


def new_connection_id(clock: Clock, entropy: Entropy) -> str:
    return f"connection-{_ulid(clock, entropy)}"


def new_invitation_id(clock: Clock, entropy: Entropy) -> str:
    return f"invitation-{_ulid(clock, entropy)}"


def new_uuid(clock: Clock, entropy: Entropy) -> UUID:
    """A UUIDv7: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits."""
    random = int.from_bytes(entropy.token_bytes(10))
    rand_a, rand_b = random >> 68, random & (1 << 62) - 1
    return UUID(int=_milliseconds(clock) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def _ulid(clock: Clock, entropy: Entropy) -> str:
    number = _milliseconds(clock) << 80 | int.from_bytes(entropy.token_bytes(10))
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def _milliseconds(clock: Clock) -> int:
    return (clock.now() - _EPOCH) // _MILLISECOND & (1 << 48) - 1
