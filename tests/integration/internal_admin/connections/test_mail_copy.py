"""The courier's copy follows the default mail connection, in the transaction of each change (SPEC §18.5)."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from services.internal_admin.connections.mail import MailCopy, MailCopyKeeper
from services.public_auth.store.mail_connection import read_mail_connection
from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import NO_KEYS, KeyRing
from shared.kernel.mail_connection import MailConnection, unseal_mail_connection
from shared.kernel.sealing import Unsealable
from tests.integration.internal_admin.connections.conftest import Operator
from tests.support.builders import unique
from tests.support.internal_service import SEALING_KEYS
from tests.support.smtp_peer import SmtpPeer, smtp_peer
from tests.support.world import World

SENDER = "login@example.com"
DEFAULT = "connections/defaults/mail"


@pytest.fixture
def peer() -> Iterator[SmtpPeer]:
    with smtp_peer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_default(operator: Operator) -> Iterator[None]:
    yield
    operator.call("DELETE", DEFAULT)


def put(operator: Operator, name: str, peer: SmtpPeer, expected: int = 0, sender: str = SENDER, **more: Any) -> None:
    settings = {"address": f"127.0.0.1:{peer.port}", "tls": "off", "from": sender}
    body = {"kind": "smtp", "settings": settings, "expected_revision": expected, **more}
    answer = operator.call("PUT", f"connections/{name}", body)
    assert (answer.status_code, answer.json().get("outcome")) == (200, "accepted"), answer.text


def set_default(operator: Operator, name: str) -> None:
    answer = operator.call("PUT", DEFAULT, {"connection": name})
    assert answer.status_code == 200, answer.text


def copy_of(world: World, keys: KeyRing = SEALING_KEYS) -> MailConnection | None:
    """The copy, as the public role reads it."""
    stored = world.call(world.public.unit_of_work, read_mail_connection)
    if stored.place is None:
        return None
    return unseal_mail_connection(keys, stored.place, stored.key_id, stored.sealed)


def test_the_copy_follows_the_default(operator: Operator, world: World, peer: SmtpPeer) -> None:
    first, second = unique("mail-"), unique("mail-")
    put(operator, first, peer)
    put(operator, second, peer, sender="other@example.com", secrets={"user": "me", "password": "pass-word"},
        accept_unverified=True)  # fmt: skip
    assert copy_of(world) is None

    set_default(operator, first)
    copied = copy_of(world)
    assert copied is not None
    assert (copied.kind, copied.settings["from"], dict(copied.secrets)) == ("smtp", SENDER, {})

    set_default(operator, second)
    copied = copy_of(world)
    assert copied is not None
    assert dict(copied.secrets) == {"user": "me", "password": "pass-word"}

    assert operator.call("DELETE", DEFAULT).status_code == 200
    assert copy_of(world) is None


def test_an_accepted_revision_of_the_default_reaches_the_copy_and_a_refused_one_does_not(
    operator: Operator, world: World, peer: SmtpPeer
) -> None:
    name, other = unique("mail-"), unique("mail-")
    put(operator, name, peer)
    set_default(operator, name)
    put(operator, name, peer, expected=1, sender="second@example.com")
    put(operator, other, peer, sender="of-another@example.com")
    settings = {"address": "127.0.0.1:1", "tls": "off", "from": "third@example.com"}
    refused = operator.call(
        "PUT", f"connections/{name}", {"kind": "smtp", "settings": settings, "expected_revision": 2}
    )
    assert refused.json()["outcome"] == "refused", refused.text

    copied = copy_of(world)
    assert copied is not None
    assert copied.settings["from"] == "second@example.com"


def test_after_a_crowd_of_changes_the_copy_is_that_of_the_default(
    operator: Operator, world: World, peer: SmtpPeer
) -> None:
    names = [unique("mail-") for _ in range(3)]
    for name in names:
        put(operator, name, peer, sender=f"{name}@example.com")
    barrier = threading.Barrier(4)

    def change(place: int) -> None:
        barrier.wait()
        for turn in range(6):
            if place == len(names):
                operator.call("DELETE", DEFAULT)
            else:
                set_default(operator, names[(place + turn) % len(names)])

    threads = [threading.Thread(target=change, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    shown, copied = operator.call("GET", DEFAULT), copy_of(world)
    expected = None if shown.status_code == 404 else f"{shown.json()['default']['name']}@example.com"
    assert (None if copied is None else copied.settings["from"]) == expected


def test_the_copy_is_sealed_again_under_the_newest_key(operator: Operator, world: World, peer: SmtpPeer) -> None:
    """Also if the old key is gone, and a copy that somebody damaged is made anew."""
    name = unique("mail-")
    put(operator, name, peer)
    set_default(operator, name)
    newer = KeyRing.parse("keys", "newer:" + "bmV3ZXIta2V5LW9mLXRlc3RzLTMyLWJ5dGVzLWxvbmctLS0=")
    keep(world, newer)
    assert copy_of(world, newer) is not None
    with pytest.raises(Unsealable):
        copy_of(world)

    world.database.execute("update mail_connection set sealed = '\\x00', change_id = gen_random_uuid()")
    keep(world, newer)
    assert copy_of(world, newer) is not None

    before = change_id(world)
    keep(world, newer)
    assert change_id(world) == before


def test_without_the_keys_of_secrets_the_copy_stays_as_it_is(operator: Operator, world: World, peer: SmtpPeer) -> None:
    name = unique("mail-")
    put(operator, name, peer, secrets={"user": "me", "password": "pass-word"}, accept_unverified=True)
    set_default(operator, name)
    before = change_id(world)
    keep(world, KeyRing.parse("keys", "newer:" + "bmV3ZXIta2V5LW9mLXRlc3RzLTMyLWJ5dGVzLWxvbmctLS0="))
    assert (change_id(world), copy_of(world) is not None) == (before, True)


def keep(world: World, sealing_keys: KeyRing) -> None:
    """One step of the worker, without any keys of secrets."""
    copy = MailCopy(NO_KEYS, sealing_keys, SystemEntropy())
    assert world.call(MailCopyKeeper(world.internal, copy).step) == 0


def change_id(world: World) -> Any:
    return world.call(partial(world.public.unit_of_work, read_mail_connection)).change_id
