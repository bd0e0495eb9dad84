"""E-mail domains that are blocked, or not among those allowed: nothing is mailed, nobody logs in."""

from collections.abc import Iterator

import pytest

from services.public_auth.domain.confirm import ConfirmRefusal, CountWrongCode
from services.public_auth.store.confirm_challenge import SessionMade
from services.public_auth.store.deliveries import ClaimLimits, claim_deliveries, is_claim_good
from tests.support.builders import unique
from tests.support.post import LEASE, FakeTransport, Post
from tests.support.public_flow import PublicFlow
from tests.support.settings import DEFAULTS, block_domains, set_settings
from tests.support.world import World

TABLES = ("emails", "login_codes", "challenges", "mail_deliveries")


@pytest.fixture(autouse=True)
def own_settings(world: World, post: Post) -> Iterator[None]:
    """Settings of the test's own and, by `post`, its own mail queue."""
    yield
    world.database.execute(DEFAULTS)


@pytest.fixture
def domain() -> str:
    """A domain that no other test uses."""
    return unique("domain-") + ".example"


def block(world: World, *domains: str) -> None:
    world.call(block_domains, world, *domains)


def allow(world: World, *domains: str) -> None:
    world.call(lambda: set_settings(world, allowed_email_domains=list(domains)))


def decided(flow: PublicFlow, email: str) -> str:
    flow.send(email)
    return flow.decisions[-1]


def test_a_send_to_a_blocked_domain_is_suppressed_with_the_next_request(
    flow: PublicFlow, world: World, domain: str
) -> None:
    assert decided(flow, f"a@{domain}") == "new_code"

    block(world, "other.example", domain)

    challenge_id = flow.send(f"b@{domain.upper()}")
    assert (flow.decisions[-1], flow.state(challenge_id)) == ("email_domain", "delivery_suppressed")
    block(world)
    assert decided(flow, f"c@{domain}") == "new_code"


def test_a_domain_is_exact_and_stands_for_none_below_or_above_it(flow: PublicFlow, world: World, domain: str) -> None:
    block(world, domain)
    others = [f"a@sub.{domain}", f"a@x{domain}", f"{domain}@other-{domain}", f"{domain}@com"]
    assert {decided(flow, email) for email in others} == {"new_code"}


@pytest.mark.parametrize("typed", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("listed", ["Bücher.Example", "xn--bcher-kva.example"])
def test_unicode_domains_are_compared_as_a_labels(flow: PublicFlow, world: World, typed: str, listed: str) -> None:
    block(world, listed)
    assert decided(flow, f"{unique('a-')}@{typed}") == "email_domain"


def test_with_allowed_domains_every_other_one_is_suppressed(flow: PublicFlow, world: World, domain: str) -> None:
    allow(world, domain, "second.example")
    assert decided(flow, f"a@{domain}") == "new_code"
    assert decided(flow, f"a@sub.{domain}") == "email_domain"
    assert decided(flow, "a@third.example") == "email_domain"
    allow(world)
    assert decided(flow, "b@third.example") == "new_code"


def test_a_domain_both_blocked_and_allowed_is_blocked(flow: PublicFlow, world: World, domain: str) -> None:
    allow(world, domain)
    block(world, domain)
    assert decided(flow, f"a@{domain}") == "email_domain"


def test_a_suppressed_domain_writes_the_same_rows_as_any_send(flow: PublicFlow, world: World, domain: str) -> None:
    def written(challenge_id: str) -> dict[str, int]:
        of_transaction = "xmin = (select xmin from challenges where challenge_id = $1)"
        sql = "select count(*) from {} where " + of_transaction
        return {table: world.database.execute(sql.format(table), challenge_id)[0]["count"] for table in TABLES}

    open_domain = [written(flow.send(f"a@{unique('open-')}.example")) for _ in range(3)]
    block(world, domain)
    assert [written(flow.send(f"a@{domain}")) for _ in range(3)][:2] == open_domain[:2]
    assert dict.fromkeys(TABLES, 1) == open_domain[0]


@pytest.mark.parametrize("way", ["blocked", "not_allowed"])
def test_the_right_code_of_a_refused_domain_changes_nothing_and_stays_usable(
    flow: PublicFlow, world: World, domain: str, way: str
) -> None:
    challenge_id = flow.send(f"a@{domain}")
    code, wrong = flow.code(challenge_id), flow.wrong_code(challenge_id)
    if way == "blocked":
        block(world, domain)
    else:
        allow(world, "other.example")

    assert flow.confirm(challenge_id, code) is ConfirmRefusal.BLOCKED_BY_POLICY
    assert flow.confirm(challenge_id, wrong) == CountWrongCode(evaluated=True)
    assert not world.database.execute("select 1 from users where email = $1", f"a@{domain}")

    world.database.execute(DEFAULTS)
    assert isinstance(flow.confirm(challenge_id, code), SessionMade)


def test_domains_that_are_allowed_later_end_no_session_of_others(flow: PublicFlow, world: World, domain: str) -> None:
    challenge_id = flow.send(f"a@{domain}")
    made = flow.confirm(challenge_id, flow.code(challenge_id))
    assert isinstance(made, SessionMade)

    allow(world, "other.example")

    (row,) = world.database.execute(
        "select status from device_sessions where device_session_id = $1", made.session.device_session_id
    )
    assert row["status"] == "active"
    assert world.database.execute("select count(*) from domain_revocations")[0]["count"] == 0


@pytest.mark.parametrize("way", ["blocked", "not_allowed"])
def test_a_mail_that_waits_while_its_domain_is_refused_never_leaves(
    flow: PublicFlow, post: Post, world: World, domain: str, way: str
) -> None:
    refused = flow.send(f"a@{domain}")
    other = unique("other-") + ".example"
    allowed = flow.send(f"a@{other}")
    if way == "blocked":
        block(world, domain)
    else:
        allow(world, other)
    transport = FakeTransport()

    assert post.step(transport) == 2

    assert [letter.idempotency_key for letter in transport.letters] == [allowed]
    assert (post.queued(refused)["state"], post.queued(refused)["reason"]) == ("suppressed", "email_domain")


def test_a_claim_is_no_longer_good_once_its_domain_is_blocked(
    flow: PublicFlow, post: Post, world: World, domain: str
) -> None:
    """A mail that its transport postponed, or that waits for a slot, is checked again before it leaves."""
    flow.send(f"a@{domain}")
    claim = world.call(world.public.unit_of_work, claim_deliveries, ClaimLimits(10, 10), LEASE)

    def is_good() -> bool:
        return world.call(world.public.unit_of_work, is_claim_good, claim[0])

    assert (len(claim), is_good()) == (1, True)
    block(world, domain)
    assert not is_good()
