"""A send writes the same rows whatever the e-mail is, and so does each further one (SPEC §3.4)."""

import pytest

from services.public_auth.domain.budget import Budget, Budgets
from services.public_auth.store.issue_challenge import IssuePolicy
from tests.support.builders import email_address
from tests.support.public_flow import PublicFlow
from tests.support.world import World

TABLES = ("emails", "login_codes", "challenges", "mail_deliveries")
NO_MAILS_FOR_STRANGERS = Budget(total=1, per_network=1, kept_for_known=0)
BLOCK = """
    with address as (insert into emails (folded, created_at) values ($1, clock_now()) returning email_id)
    insert into blocks (email_id, reason_code, actor_type, created_at) select email_id, 'test', 'test', clock_now()
      from address
"""


def rows_written(world: World, challenge_id: str) -> dict[str, int]:
    """The rows of each table that the transaction of the challenge wrote."""
    of_transaction = "xmin = (select xmin from challenges where challenge_id = $1)"
    return {
        table: world.database.execute(f"select count(*) from {table} where {of_transaction}", challenge_id)[0]["count"]
        for table in TABLES
    }


def address_of_kind(world: World, flow: PublicFlow, kind: str) -> str:
    email = email_address()
    if kind == "blocked":
        world.database.execute(BLOCK, email)
    elif kind == "existing":
        challenge_id = flow.send(email)
        flow.confirm(challenge_id, flow.code(challenge_id))
    return email


@pytest.mark.parametrize(
    ("kind", "decided"), [("existing", "shared_unmailed"), ("new", "shared_unmailed"), ("blocked", "blocked")]
)
def test_every_send_of_a_network_writes_the_same_rows(world: World, kind: str, decided: str) -> None:
    flow = PublicFlow(world)
    email = address_of_kind(world, flow, kind)

    written = [rows_written(world, flow.send(email)) for _ in range(5)]

    assert flow.decisions[-1] == decided
    first = {"emails": 1, "login_codes": 1, "challenges": 1, "mail_deliveries": 1}
    assert written == [first] * 2 + [first | {"challenges": 2}] * 3  # the third takes the place of one


def test_a_throttled_send_writes_the_same_rows(world: World) -> None:
    budgets = Budgets(mails_an_hour=NO_MAILS_FOR_STRANGERS, mails_a_day=NO_MAILS_FOR_STRANGERS)
    policy = IssuePolicy(budgets, new_address_mail_limit=None, users_live_here=False)
    flow, email = PublicFlow(world, policy), email_address()
    world.database.execute("delete from mail_deliveries where email = $1", email)
    other_spelling = email.upper().replace("@EXAMPLE.COM", "@example.com")
    flow.send(other_spelling)  # the one mail; its code is the other spelling's

    written = [rows_written(world, flow.send(email)) for _ in range(5)]

    assert flow.decisions[1:] == ["mail_budget"] * 5
    first = {"emails": 1, "login_codes": 1, "challenges": 1, "mail_deliveries": 1}
    assert written == [first] * 2 + [first | {"challenges": 2}] * 3
