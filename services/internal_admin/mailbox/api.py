"""The routes of the development mailbox (SPEC §7.1). They exist only when mail is `stub`."""

from dataclasses import dataclass

from contracts.internal_mailbox import decode_read_mailbox, encode_letters, encode_mailbox
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import INTERNAL
from services.internal_admin.callers.request import email_address
from services.internal_admin.callers.route import Route
from services.internal_admin.mailbox.flow import read_letters, read_mailbox
from shared.io.postgres import Postgres
from shared.kernel.keyring import KeyRing
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class MailboxApi:
    """Shows the mails that the stub transport kept."""

    postgres: Postgres
    sealing_keys: KeyRing

    async def read(self, request: Request, _: Identity | None) -> Response:
        """The mails to an address, newest first, while their codes live."""
        email = email_address(decode_read_mailbox(request.query))
        return Response(200, encode_mailbox(await read_mailbox(email, self.postgres, self.sealing_keys)))

    async def letters(self, request: Request, _: Identity | None) -> Response:
        """The letters without a code to an address, newest first."""
        email = email_address(decode_read_mailbox(request.query))
        return Response(200, encode_letters(await read_letters(email, self.postgres, self.sealing_keys)))


ROUTES: tuple[Route[MailboxApi], ...] = (
    Route("GET", INTERNAL + "/dev/mailbox", MailboxApi.read, access=Scoped(Scope.MAILBOX_READ)),
    Route("GET", INTERNAL + "/dev/letters", MailboxApi.letters, access=Scoped(Scope.MAILBOX_READ)),
)
