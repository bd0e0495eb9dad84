"""Laws of activation: pointer, history, manifests and audit row are one transaction; positions only rise."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.node.manifest import Position
from contracts.node.signed import MANIFEST_MARKER, signed_message
from services.internal_admin.publication.domain.subject import Stage
from tests.support.publication import KEYS, Publisher
from tests.support.world import World


@pytest.fixture(scope="module")
def publisher(world: World) -> Publisher:
    return Publisher(world)


def test_the_first_activation_gives_the_pool_a_signed_manifest(publisher: Publisher) -> None:
    pool = publisher.pool()
    assert publisher.head(pool) is None
    subject_id = publisher.activated([pool], mode="fail_closed")
    served = publisher.served(pool)
    manifest = publisher.manifest(pool)
    assert (manifest.position.sequence, served.head.percent, served.stable) == (1, 100, None)
    assert [(each.kind, each.version) for each in manifest.documents] == [("gateway_config", 1)]
    assert manifest.config_keys == KEYS.public_keys()
    signature = served.current.signed.signatures[0]
    key = next(key for key in manifest.config_keys if key.key_id == signature.key_id)
    message = signed_message(MANIFEST_MARKER, served.current.signed.payload)
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.value, message)
    assert publisher.read(subject_id).state == "active"
    assert Position(manifest.position.epoch, 1) == served.head.position


def test_a_pool_that_the_new_version_leaves_loses_the_document_in_the_same_activation(publisher: Publisher) -> None:
    left, stays = publisher.pool(), publisher.pool()
    subject_id = publisher.activated([left, stays])
    publisher.change(subject_id, [stays])
    outcome = publisher.activate(subject_id, publisher.publish(subject_id))
    assert {each.pool: each.sequence for each in outcome.pools} == {left: 2, stays: 2}
    assert publisher.manifest(left).documents == ()
    assert [each.version for each in publisher.manifest(stays).documents] == [2]


def test_a_stage_keeps_the_manifest_before_until_it_is_complete(publisher: Publisher) -> None:
    pool = publisher.pool()
    subject_id = publisher.activated([pool])
    publisher.change(subject_id, freshness_window=20)
    version = publisher.publish(subject_id)
    assert publisher.activate(subject_id, version, Stage(10, halts=True)).name == "activated"
    served = publisher.served(pool)
    assert served.stable is not None
    assert (served.stable.position.sequence, served.current.position.sequence) == (1, 2)
    assert publisher.activate(subject_id, version, Stage(10, halts=True)).name == "already_active"
    assert publisher.activate(subject_id, version, Stage(50, halts=True)).name == "activated"
    assert publisher.activate(subject_id, 1, Stage(10, halts=False)).name == "stage_unfinished"
    assert publisher.activate(subject_id, version).name == "activated"
    served = publisher.served(pool)
    assert (served.head.percent, served.stable, served.head.position.sequence) == (100, None, 2)
