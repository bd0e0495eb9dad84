"""Large bodies share a limited memory, and one network cannot take all of it."""

import pytest

from shared.kernel.faults import Overloaded
from shared.web.body_memory import BodyMemory


def test_one_network_has_half_of_the_memory() -> None:
    memory = BodyMemory(100)
    memory.take("a", 40)
    with pytest.raises(Overloaded):
        memory.take("a", 11)
    memory.take("a", 10)
    memory.take("b", 50)
    with pytest.raises(Overloaded):
        memory.take("c", 1)
    assert memory.used == 100


def test_freed_memory_is_free_for_others() -> None:
    memory = BodyMemory(100)
    for _ in range(3):
        memory.take("a", 50)
        memory.free("a", 20)
        memory.free("a", 30)
    memory.take("b", 50)
    assert memory.used == 50
