"""Makes the notice of a login from a new network (SPEC §20.3), and the token that ends the session of that login."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from services.public_auth.store.letters import NoticeDraft
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.kernel.ids import new_uuid
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import seal

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewNotices:
    """Called once a notice. Without a public host there is no page that could take a token, so there is none."""

    sealing_keys: KeyRing = field(repr=False)
    clock: Clock
    entropy: Entropy
    has_page: bool

    def __call__(self) -> NoticeDraft:
        letter_id = new_uuid(self.clock, self.entropy)
        if not self.has_page:
            return NoticeDraft(letter_id)
        token = urlsafe_b64encode(self.entropy.token_bytes(_TOKEN_BYTES)).rstrip(b"=")
        key_id, sealed = seal(self.sealing_keys, token, letter_id.bytes, self.entropy)
        return NoticeDraft(letter_id, hashlib.sha256(token).digest(), key_id, sealed)
