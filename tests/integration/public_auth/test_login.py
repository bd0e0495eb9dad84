"""One login after the other, on real Postgres: what a send and a confirm decide and leave behind."""

from datetime import timedelta

import pytest

from contracts.device_label import read_label
from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade, SessionRepeated
from tests.support.builders import client_public_key, email_address
from tests.support.public_flow import PublicFlow
from tests.support.world import World


def test_the_right_code_makes_a_user_and_an_active_session(flow: PublicFlow, world: World) -> None:
    email, key = email_address(), client_public_key()
    challenge_id = flow.send(email)

    made = flow.confirm(challenge_id, flow.code(challenge_id), key)

    assert isinstance(made, SessionMade)
    (row,) = world.database.execute(
        "select * from device_sessions join users using (user_id) where device_session_id = $1",
        made.session.device_session_id,
    )
    assert (row["email"], row["client_public_key"], row["status"]) == (email, key.raw, "active")
    assert flow.state(challenge_id) == "confirmed_pending_expire"


def test_a_login_leaves_one_audit_row_and_one_piece_of_projection_work(flow: PublicFlow, world: World) -> None:
    challenge_id = flow.send(email_address())
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)
    session_id = made.session.device_session_id

    audit = world.database.execute("select * from audit_events where subject = $1", session_id)
    outbox = world.database.execute("select * from projection_outbox where device_session_id = $1", session_id)

    assert [row["event"] for row in audit] == ["security.create_session"]
    assert [row["outbox_id"] for row in outbox] == [change.outbox_id for change in made.changes]


def test_a_returning_user_keeps_the_user_id(flow: PublicFlow) -> None:
    email = email_address()
    users: set[str] = set()
    for _ in range(3):
        challenge_id = flow.send(email)
        made = flow.confirm(challenge_id, flow.code(challenge_id))
        assert isinstance(made, SessionMade)
        users.add(made.session.user_id)

    assert len(users) == 1


def test_a_session_has_the_label_of_its_login_and_a_repeat_changes_none(flow: PublicFlow, world: World) -> None:
    challenge_id, key = flow.send(email_address()), client_public_key()
    code = flow.code(challenge_id)
    made = flow.confirm(challenge_id, code, key, label="Firefox on Linux")
    assert isinstance(made, SessionMade)

    repeated = flow.confirm(challenge_id, code, key, label="Another")

    assert isinstance(repeated, SessionRepeated)
    sql = "select label from device_sessions where device_session_id = $1"
    assert world.database.execute(sql, made.session.device_session_id) == [("Firefox on Linux",)]


@pytest.mark.parametrize(
    "label", ["x" * 64, "\u200d", "Ünï \N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\ue000\ufffd", "a b"]
)
def test_every_label_that_is_read_may_be_stored(flow: PublicFlow, world: World, label: str) -> None:
    """One refused row would fail the logins of its whole batch."""
    challenge_id = flow.send(email_address())
    made = flow.confirm(challenge_id, flow.code(challenge_id), label=read_label({"label": label}, "label"))
    assert isinstance(made, SessionMade)


def test_an_unknown_challenge_is_unknown(flow: PublicFlow) -> None:
    assert flow.confirm("challenge-unknown", "123456") is ConfirmRefusal.CHALLENGE_NOT_FOUND


def test_the_sixth_wrong_code_meets_an_expired_challenge(flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    wrong = flow.wrong_code(challenge_id)

    answers = [flow.confirm(challenge_id, wrong) for _ in range(6)]

    assert answers == [CountWrongCode(evaluated=True)] * 5 + [ConfirmRefusal.CHALLENGE_EXPIRED]
    assert flow.state(challenge_id) == "failed"
    assert flow.confirm(challenge_id, flow.code(challenge_id)) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_an_exact_repeat_gets_the_same_session_and_anything_else_is_invalid(flow: PublicFlow) -> None:
    challenge_id, key = flow.send(email_address()), client_public_key()
    code, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)
    made = flow.confirm(challenge_id, code, key)
    assert isinstance(made, SessionMade)

    repeated = flow.confirm(challenge_id, code, key)
    assert isinstance(repeated, SessionRepeated)
    assert repeated.session == made.session
    assert flow.confirm(challenge_id, code, client_public_key()) is ConfirmRefusal.INVALID_CODE
    assert flow.confirm(challenge_id, wrong, key) is ConfirmRefusal.INVALID_CODE


def test_a_result_is_kept_ten_minutes(flow: PublicFlow, world: World) -> None:
    challenge_id, key = flow.send(email_address()), client_public_key()
    code = flow.code(challenge_id)
    flow.confirm(challenge_id, code, key)

    world.travel(timedelta(minutes=9))
    assert isinstance(flow.confirm(challenge_id, code, key), SessionRepeated)
    world.travel(timedelta(minutes=1))
    assert flow.confirm(challenge_id, code, key) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_a_challenge_lives_ten_minutes(flow: PublicFlow, world: World) -> None:
    challenge_id = flow.send(email_address())
    code = flow.code(challenge_id)

    world.travel(timedelta(minutes=10))

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_a_wrong_code_stays_invalid_while_the_challenge_runs_even_if_its_code_expired(
    flow: PublicFlow, world: World
) -> None:
    email = email_address()
    first = flow.send(email)
    code, wrong = flow.code(first), flow.wrong_code(first)
    world.travel(timedelta(minutes=5))
    second = flow.send(email)
    assert flow.decisions[-1] == "shared_mailed"
    world.travel(timedelta(minutes=6))

    assert flow.confirm(second, wrong) == CountWrongCode(evaluated=True)
    assert flow.confirm(second, code) is ConfirmRefusal.CHALLENGE_EXPIRED


def test_a_second_send_within_the_cooldown_shares_the_code_unmailed(flow: PublicFlow) -> None:
    email = email_address()
    first, second = flow.send(email), flow.send(email)

    assert flow.decisions == ["new_code", "shared_unmailed"]
    assert flow.code(first) == flow.code(second)
    assert isinstance(flow.confirm(first, flow.code(first)), SessionMade)
    assert flow.state(second) == "cancelled"


def test_a_resend_near_the_codes_end_makes_a_new_code_and_both_work(flow: PublicFlow, world: World) -> None:
    email = email_address()
    first = flow.send(email)
    world.travel(timedelta(minutes=8))
    flow.send(email)

    assert flow.decisions == ["new_code", "new_code"]
    assert isinstance(flow.confirm(first, flow.code(first)), SessionMade)


def test_success_ends_the_cooldown_and_zeroes_the_mail_counts(flow: PublicFlow) -> None:
    email = email_address()
    for _ in range(12):
        challenge_id = flow.send(email)
        assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)

    assert flow.decisions == ["new_code"] * 12


def test_a_third_challenge_takes_the_place_of_the_networks_oldest(flow: PublicFlow) -> None:
    email = email_address()
    first, second, third = (flow.send(email) for _ in range(3))

    assert [flow.state(one) for one in (first, second, third)] == ["cancelled", "sent", "sent"]


def test_a_challenge_that_lost_its_place_never_tells_whether_a_code_is_right(flow: PublicFlow) -> None:
    email = email_address()
    first, _, third = (flow.send(email) for _ in range(3))
    code = flow.code(third)

    answers = [flow.confirm(first, code) for _ in range(6)]

    assert answers == [CountWrongCode(evaluated=False)] * 5 + [ConfirmRefusal.CHALLENGE_EXPIRED]
    assert isinstance(flow.confirm(third, code), SessionMade)


def test_a_decoy_answers_like_a_challenge(flow: PublicFlow, world: World) -> None:
    email = email_address()
    block(world, email)
    challenge_id = flow.send(email)

    assert flow.decisions == ["blocked"]
    assert flow.state(challenge_id) == "delivery_suppressed"
    answers = [flow.confirm(challenge_id, f"{guess:06d}") for guess in range(6)]
    assert answers == [CountWrongCode(evaluated=False)] * 5 + [ConfirmRefusal.CHALLENGE_EXPIRED]


def test_a_block_refuses_the_right_code_and_changes_nothing(flow: PublicFlow, world: World) -> None:
    email = email_address()
    challenge_id = flow.send(email)
    code = flow.code(challenge_id)
    block(world, email)

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert not world.database.execute("select 1 from users where email = $1", email)
    world.database.execute("delete from blocks")
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


@pytest.mark.parametrize("policy", ["reject", "revoke_oldest"])
def test_the_session_limit_holds(flow: PublicFlow, world: World, policy: str) -> None:
    email = email_address()
    set_limit(world, 2, policy)
    outcomes = []
    for _ in range(4):
        challenge_id = flow.send(email)
        outcomes.append(flow.confirm(challenge_id, flow.code(challenge_id)))
    set_limit(world, 0, "reject")

    active = world.database.execute(
        "select 1 from device_sessions join users using (user_id) where email = $1 and status = 'active'", email
    )
    assert len(active) == 2
    if policy == "reject":
        assert outcomes[2:] == [ConfirmRefusal.SESSION_LIMIT_EXCEEDED] * 2
    else:
        assert isinstance(outcomes[3], SessionMade)
        assert [change.session.status for change in outcomes[3].changes] == ["revoked", "active"]


def test_a_key_proof_can_be_made_mandatory(flow: PublicFlow, world: World) -> None:
    challenge_id = flow.send(email_address())
    code = flow.code(challenge_id)
    world.database.execute("update settings set require_client_key_proof = true where $1", True)
    refused = flow.confirm(challenge_id, code)
    world.database.execute("update settings set require_client_key_proof = false where $1", True)

    assert refused is ConfirmRefusal.CLIENT_KEY_PROOF_MISSING
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_every_send_writes_the_same_rows(flow: PublicFlow, world: World) -> None:
    """A stranger must not learn from the work what was decided (SPEC §3.4)."""
    blocked, known, new = email_address(), email_address(), email_address()
    block(world, blocked)
    challenge_id = flow.send(known)
    flow.confirm(challenge_id, flow.code(challenge_id))

    written = {flow.send(email): email for email in (blocked, known, new, new)}

    for challenge_id, email in written.items():
        (counts,) = world.database.execute(
            """
            select (select count(*) from mail_deliveries where challenge_id = $1) as deliveries,
                   (select count(*) from emails where folded = $2) as emails
            """,
            challenge_id,
            email,
        )
        assert tuple(counts) == (1, 1)
    (codes,) = world.database.execute("select count(*) as made from login_codes where email = $1", new)
    assert codes["made"] == 2


def block(world: World, email: str) -> None:
    world.database.execute(
        """
        with address as (
            insert into emails (folded, created_at) values ($1, clock_now())
            on conflict (folded) do update set version = emails.version + 1 returning email_id)
        insert into blocks (email_id, reason_code, actor_type, created_at)
        select email_id, 'policy_blocked', 'admin', clock_now() from address
        """,
        email,
    )


def set_limit(world: World, limit: int, policy: str) -> None:
    world.database.execute("update settings set session_limit = $1, session_limit_policy = $2", limit, policy)
