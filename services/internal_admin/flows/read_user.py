"""Flow: look a user of the local directory up by e-mail."""

from functools import partial

from services.internal_admin.domain.user import User
from services.internal_admin.store import users
from shared.io.postgres import Postgres
from shared.kernel.email_address import EmailAddress


async def read_user(email: EmailAddress, postgres: Postgres) -> User | None:
    """The user whose address is exactly this one, the local part as typed (SPEC §2.3); None if there is none."""
    return await postgres.unit_of_work(partial(users.read_user, email=email.identity))
