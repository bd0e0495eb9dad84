"""Opens the mails of the development mailbox (SPEC §7.1). Wired only when mail is `stub`."""

from contracts.internal_mailbox import MailboxLetter, MailboxMessage
from services.internal_admin.mailbox import store
from services.internal_admin.mailbox.domain import SealedLetter, SealedMail
from shared.io.postgres import Postgres
from shared.kernel.email_address import EmailAddress
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import unseal


async def read_mailbox(email: EmailAddress, postgres: Postgres, sealing_keys: KeyRing) -> list[MailboxMessage]:
    """The mails to an address, in any case of its letters, newest first. A mail is gone when its code ends.

    Raises `shared.kernel.sealing.Unsealable` if the key of a living code was taken out of the configuration.
    """
    mails = await postgres.unit_of_work(store.read_mailbox, email.folded)
    return [_opened(mail, sealing_keys) for mail in mails]


def _opened(mail: SealedMail, sealing_keys: KeyRing) -> MailboxMessage:
    code = unseal(sealing_keys, mail.seal_key_id, mail.sealed_code, mail.associated_data).decode("ascii")
    return MailboxMessage(mail.email, code, mail.locale, mail.challenge_id, mail.sent_at)


async def read_letters(email: EmailAddress, postgres: Postgres, sealing_keys: KeyRing) -> list[MailboxLetter]:
    """The letters without a code to an address, newest first. Raises `Unsealable`, as `read_mailbox` does."""
    letters = await postgres.unit_of_work(store.read_letters, email.folded)
    return [_opened_letter(letter, sealing_keys) for letter in letters]


def _opened_letter(letter: SealedLetter, sealing_keys: KeyRing) -> MailboxLetter:
    token = None
    if letter.seal_key_id is not None and letter.sealed_token is not None:
        token = unseal(sealing_keys, letter.seal_key_id, letter.sealed_token, letter.associated_data).decode("ascii")
    return MailboxLetter(
        letter.kind, letter.email, letter.locale, letter.device_session_id, letter.label, token, letter.sent_at
    )
