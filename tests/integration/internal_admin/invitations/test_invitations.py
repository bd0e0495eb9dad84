"""Operators invite addresses, and list and withdraw invitations (SPEC §20.4)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import make_token
from tests.support.builders import email_address, store_user, unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.invitations import invite
from tests.support.public_flow import race
from tests.support.retention import Sweep
from tests.support.settings import DEFAULTS, block_domains
from tests.support.trusted import block_email
from tests.support.world import World

INVITATIONS = "/api/control-plane/access/invitations"
USERS = "/api/v1/internal/users"
CAUSE = {"reason_code": "test", "actor": {"type": "admin", "id": "admin-1"}}


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture
def operator(plane: ControlPlane) -> str:
    return plane.claim_owner().session_token


@pytest.fixture(autouse=True)
def own_rows(world: World) -> Iterator[None]:
    yield
    world.database.execute("delete from invitations; delete from letters")
    world.database.execute(DEFAULTS)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def listed(plane: ControlPlane, operator: str) -> list[dict[str, Any]]:
    return plane.get(INVITATIONS, token=operator).json()["invitations"]


def letters(world: World) -> list[tuple[Any, ...]]:
    rows = world.database.execute(
        "select kind, email, locale, state, expires_at > clock_now() as lives, sealed_token from letters order by email"
    )
    return [tuple(row) for row in rows]


def test_an_invitation_is_listed_and_renewed_under_one_id(plane: ControlPlane, operator: str, world: World) -> None:
    email = email_address()
    made = plane.post(INVITATIONS, {"email": email.upper()}, token=operator).json()
    world.travel(timedelta(minutes=1))
    again = plane.post(INVITATIONS, {"email": email, "expires_in_days": 90}, token=operator).json()

    assert (made["outcome"], again["outcome"]) == ("invited", "renewed")
    assert made["invitation_id"] == again["invitation_id"]
    assert not made["letter_queued"]
    (shown,) = listed(plane, operator)
    assert (shown["email"], shown["status"], shown["expires_at"]) == (email, "open", again["expires_at"])
    assert shown["created_by"].startswith("operator-")
    assert letters(world) == []


def test_the_status_says_who_accepted_and_what_is_over(plane: ControlPlane, operator: str, world: World) -> None:
    accepted = email_address()
    for email in (accepted, email_address()):
        plane.post(INVITATIONS, {"email": email, "expires_in_days": 1}, token=operator)
    store_user(world.database, email=accepted)
    world.travel(timedelta(days=1))
    operator = plane.claim_owner().session_token
    assert [each["status"] for each in listed(plane, operator)] == ["expired", "accepted"]
    renewed = plane.post(INVITATIONS, {"email": listed(plane, operator)[0]["email"]}, token=operator)
    assert renewed.json()["outcome"] == "invited"


def test_a_list_has_pages(plane: ControlPlane, operator: str) -> None:
    made = [
        plane.post(INVITATIONS, {"email": email_address()}, token=operator).json()["invitation_id"] for _ in range(3)
    ]
    first = plane.get(INVITATIONS, token=operator, limit=2).json()
    rest = plane.get(INVITATIONS, token=operator, cursor=first["next_cursor"]).json()
    assert {each["invitation_id"] for each in first["invitations"] + rest["invitations"]} == {*made}
    assert "next_cursor" not in rest


def test_a_letter_is_queued_once_and_never_for_a_user(plane: ControlPlane, operator: str, world: World) -> None:
    email, user = email_address(), store_user(world.database)
    asked = {"email": email, "send": True, "locale": "de-AT"}
    queued = [plane.post(INVITATIONS, asked, token=operator).json()["letter_queued"] for _ in range(2)]
    of_user = plane.post(INVITATIONS, {"email": user.email, "send": True}, token=operator).json()["letter_queued"]
    assert (queued, of_user) == ([True, False], False)
    assert letters(world) == [("invitation", email, "de", "queued", True, None)]


@pytest.mark.parametrize(("locale", "written"), [(None, "en"), ("tlh", "en"), ("pt-BR", "pt"), ("zh-CN", "zh-Hans")])
def test_a_letter_has_the_nearest_language(
    plane: ControlPlane, operator: str, world: World, locale: str | None, written: str
) -> None:
    plane.post(INVITATIONS, {"email": email_address(), "send": True, "locale": locale}, token=operator)
    assert [letter[2] for letter in letters(world)] == [written]


def test_a_withdrawal_ends_the_invitation_and_its_letter_that_waits(
    plane: ControlPlane, operator: str, world: World
) -> None:
    made = plane.post(INVITATIONS, {"email": email_address(), "send": True}, token=operator).json()["invitation_id"]
    withdrawn = plane.delete(f"{INVITATIONS}/{made}", token=operator)
    assert withdrawn.json() == {"outcome": "deleted", "invitation_id": made}
    assert (listed(plane, operator), letters(world)) == ([], [])
    assert code_of(plane.delete(f"{INVITATIONS}/{made}", token=operator)) == (404, "invitation_not_found")


def test_a_letter_that_was_sent_outlives_the_withdrawal(plane: ControlPlane, operator: str, world: World) -> None:
    made = plane.post(INVITATIONS, {"email": email_address(), "send": True}, token=operator).json()["invitation_id"]
    world.database.execute("update letters set state = 'sent', finished_at = clock_now()")
    plane.delete(f"{INVITATIONS}/{made}", token=operator)
    assert [letter[3] for letter in letters(world)] == ["sent"]


def test_a_blocked_address_and_a_blocked_domain_are_not_invited(
    plane: ControlPlane, operator: str, world: World
) -> None:
    email, domain = email_address(), unique("domain-") + ".example"
    world.call(block_email, world, email)
    world.call(block_domains, world, domain)
    for refused in (email, f"a@{domain}"):
        answer = plane.post(INVITATIONS, {"email": refused, "send": True}, token=operator)
        assert code_of(answer) == (409, "email_blocked")
    assert (listed(plane, operator), letters(world)) == ([], [])


@pytest.mark.parametrize("email", ["nobody", "a@b@c", "a b@example.com"])
def test_text_that_is_no_address_is_refused(plane: ControlPlane, operator: str, email: str) -> None:
    assert code_of(plane.post(INVITATIONS, {"email": email}, token=operator)) == (400, "invalid_request")


def test_reading_and_writing_have_scopes_of_their_own(plane: ControlPlane, world: World) -> None:
    reader = make_token(world, [Scope.INVITATIONS_READ]).secret
    writer = make_token(world, [Scope.INVITATIONS_WRITE]).secret
    body = {"email": email_address()}
    assert plane.post(INVITATIONS, body, token=reader).status_code == 403
    made = plane.post(INVITATIONS, body, token=writer)
    assert made.status_code == 200
    path = f"{INVITATIONS}/{made.json()['invitation_id']}"
    assert plane.get(INVITATIONS, token=writer).status_code == 403
    assert plane.get(INVITATIONS, token=reader).status_code == 200
    assert plane.delete(path, token=reader).status_code == 403
    assert plane.delete(path, token=writer).status_code == 200


def test_a_repeat_under_a_key_gets_the_first_answer_which_names_no_address(
    plane: ControlPlane, operator: str, world: World
) -> None:
    email = email_address()
    headers = {"Idempotency-Key": unique("key-")}
    first, second = (plane.post(INVITATIONS, {"email": email}, token=operator, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    other = plane.post(INVITATIONS, {"email": email_address()}, token=operator, headers=headers)
    assert code_of(other) == (409, "idempotency_conflict")
    kept = world.database.execute("select body from idempotency_keys")
    assert not any(email.encode() in row["body"] for row in kept)


def test_the_trail_names_the_caller_and_no_address(plane: ControlPlane, operator: str, world: World) -> None:
    email = email_address()
    made = plane.post(INVITATIONS, {"email": email}, token=operator).json()["invitation_id"]
    plane.delete(f"{INVITATIONS}/{made}", token=operator)
    plane.delete(f"{INVITATIONS}/{made}", token=operator)
    plane.delete(f"{INVITATIONS}/anna@example.com", token=operator)
    rows = world.database.execute(
        "select event, outcome, caller, subject, details::text from audit_events where event like '%invitation' "
        "order by audit_id desc limit 4"
    )
    (address,) = world.database.execute("select email_id from emails where folded = $1", email)
    told = [(row["event"].removeprefix("security."), row["outcome"], row["subject"]) for row in reversed(rows)]
    assert told == [
        ("write_invitation", "invited", f"email-{address['email_id']}"),
        ("delete_invitation", "deleted", f"email-{address['email_id']}"),
        ("delete_invitation", "invitation_not_found", made),
        ("delete_invitation", "invitation_not_found", None),
    ]
    assert {row["caller"][:9] for row in rows} == {"operator-"}
    assert not any("@" in (row["details"] or "") for row in rows)


def test_racing_invitations_of_one_address_make_one(plane: ControlPlane, operator: str, world: World) -> None:
    email = email_address()
    outcomes = world.call(race, *(lambda: invite(world, email, letter_locale="en") for _ in range(20)))
    assert sorted(outcome.name for outcome in outcomes) == ["invited"] + ["renewed"] * 19
    assert {outcome.invitation_id for outcome in outcomes} == {listed(plane, operator)[0]["invitation_id"]}
    assert len(letters(world)) == 1


def test_the_erasure_of_a_user_removes_the_invitation_the_letters_and_the_address(
    plane: ControlPlane, operator: str, world: World
) -> None:
    email = email_address()
    plane.post(INVITATIONS, {"email": email, "send": True}, token=operator)
    user = store_user(world.database, email=email)
    deleted = plane.call("DELETE", f"{USERS}/{user.user_id}", CAUSE, token=operator)
    assert deleted.status_code == 200
    assert (listed(plane, operator), letters(world)) == ([], [])
    assert world.database.execute("select 1 from emails where folded = $1", email) == []


def test_a_change_of_address_uses_up_the_invitations_of_both(plane: ControlPlane, operator: str, world: World) -> None:
    """Else the next reader of the old mailbox could sign up by it."""
    old, new = email_address(), email_address()
    for email in (old, new):
        plane.post(INVITATIONS, {"email": email, "send": True}, token=operator)
    user = store_user(world.database, email=old)
    changed = plane.patch(f"{USERS}/{user.user_id}", CAUSE | {"email": new}, token=operator)
    assert changed.json()["outcome"] == "changed"
    assert (listed(plane, operator), letters(world)) == ([], [])


def test_an_invitation_goes_7_days_after_its_end_and_its_address_with_it(world: World) -> None:
    sweep = Sweep(world)
    over, standing = email_address(), email_address()
    world.call(invite, world, over, life=timedelta(days=1))
    world.call(invite, world, standing, life=timedelta(days=90))
    world.travel(timedelta(days=8, minutes=-1))
    sweep()
    assert emails_of(world) == {over, standing}
    world.travel(timedelta(minutes=2))
    sweep()
    assert emails_of(world) == {standing}
    assert world.database.execute("select 1 from emails where folded = $1", over) == []
    assert world.database.execute("select 1 from emails where folded = $1", standing) != []


def emails_of(world: World) -> set[str]:
    return {row["email"] for row in world.database.execute("select email from invitations")}
