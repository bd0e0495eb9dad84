"""Values that operators seal: the vectors open in their place, and nowhere else."""

import base64
from typing import Any

import pytest

from contracts.control_plane.secrets import SealedValue
from services.internal_admin.secrets.domain.secret import SecretScope
from services.internal_admin.secrets.domain.submission import Unopenable, open_submitted
from shared.kernel.keyring import KeyRing
from tests.contract.vectors import cases, load
from tests.support import secret_values

NEWER = "k2:" + base64.b64encode(b"\x51" * 32).decode()


def sealed_of(case: dict[str, Any]) -> SealedValue:
    return SealedValue(load("secret_values")["key_id"], base64.b64decode(case["sealed_value"]))


def test_the_file_is_what_its_script_writes() -> None:
    assert secret_values.PATH.read_text("utf-8") == secret_values.text()


@pytest.mark.parametrize("case", cases("secret_values", "values"))
def test_a_sealed_value_opens_in_its_place_alone(case: dict[str, Any]) -> None:
    """It also opens after another key became the newest, while the old one is in the ring."""
    ring = KeyRing.parse("test", f"{NEWER},{load('secret_values')['ring']}")
    scope, sealed = SecretScope(case["scope_kind"], case["scope_id"]), sealed_of(case)
    assert open_submitted(ring, scope, case["name"], sealed).decode() == case["value"]
    for wrong_scope, name in ((scope, "OTHER"), (SecretScope("pool", "inner"), case["name"])):
        with pytest.raises(Unopenable):
            open_submitted(ring, wrong_scope, name, sealed)
    for broken in (sealed.sealed[:-1], sealed.sealed[:40], b"", bytes(80)):
        with pytest.raises(Unopenable):
            open_submitted(ring, scope, case["name"], SealedValue(sealed.key_id, broken))
    with pytest.raises(Unopenable):
        open_submitted(KeyRing.parse("test", NEWER), scope, case["name"], sealed)
