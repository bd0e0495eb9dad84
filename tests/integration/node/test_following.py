"""A node takes what its control plane activates, and nothing else."""

from clients.node import NodeSettings
from clients.node.conformance.control_plane import ControlPlane
from tests.integration.node.conftest import OpenNode, until


async def test_a_node_joins_applies_and_reports(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
        assert watched.contents() == [b"one"]
        control_plane.activate({"a": b"two", "b": b"three"})
        await until(lambda: watched.contents() == [b"two", b"three"])
        await until(lambda: _reported(control_plane) == 2)
    config = control_plane.statuses[-1].config
    assert config is not None
    assert (config.outcome, config.source) == ("applied", "control_plane")


def _reported(control_plane: ControlPlane) -> int | None:
    """The sequence of the last status."""
    config = control_plane.statuses[-1].config if control_plane.statuses else None
    return None if config is None else config.position.sequence
