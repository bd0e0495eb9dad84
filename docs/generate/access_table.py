"""`contracts/vectors/access.json`: what each route of the internal listener asks of its caller, in one table."""

import json
from pathlib import Path
from typing import Any

from services.internal_admin.callers.access import Access, Anyone, OperatorOnly, Scoped, SignedByNode
from services.internal_admin.callers.route import NodeRoute, PerNetwork, PerNode, Route
from services.internal_admin.routes import NODE_ROUTES, ROUTES

PATH = Path(__file__).parents[2] / "contracts/vectors/access.json"
_ABOUT = "What each route of the internal listener asks. Made from the declared routes by `python -m docs.generate`."


def text() -> str:
    """The whole file: a line for each route, by path and method."""
    routes = sorted((*ROUTES, *NODE_ROUTES), key=lambda route: (route.path, route.method))
    rows = ["    " + json.dumps(_row(route)) for route in routes]
    return f'{{\n  "about": {json.dumps(_ABOUT)},\n  "routes": [\n' + ",\n".join(rows) + "\n  ]\n}\n"


def _row(route: Route[Any] | NodeRoute[Any]) -> dict[str, object]:
    access, scope = _words(route.access)
    return {
        "method": route.method,
        "path": route.path,
        "access": access,
        "scope": scope,
        "limit": None if route.limit is None else _limit(route.limit),
        "slow": isinstance(route, Route) and route.slow_refusals,
    }


def _words(access: Access | SignedByNode) -> tuple[str, str | None]:
    match access:
        case Anyone():
            return "anyone", None
        case OperatorOnly(renews):
            return "operator, also to renew" if renews else "operator", None
        case Scoped(scope):
            return "scope", scope.value
        case SignedByNode():
            return "node", None


def _limit(limit: PerNetwork | PerNode) -> dict[str, object]:
    told: dict[str, object] = {"name": limit.name, "calls": limit.count, "seconds": int(limit.period.total_seconds())}
    return told if isinstance(limit, PerNetwork) else {**told, "of": "node"}
