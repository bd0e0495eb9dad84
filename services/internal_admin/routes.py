"""Every declared route of the internal process. `contracts/vectors/access.json` shows them as one table."""

from typing import Any

from services.internal_admin.agent_keys import api as agent_keys
from services.internal_admin.agents import api as agents
from services.internal_admin.audit import api as audit
from services.internal_admin.blocks import api as blocks
from services.internal_admin.callers.route import NodeRoute, Route
from services.internal_admin.connection_health import api as connection_health
from services.internal_admin.connections import api as connections
from services.internal_admin.gateway_configs import api as gateway_configs
from services.internal_admin.invitations import api as invitations
from services.internal_admin.mailbox import api as mailbox
from services.internal_admin.node_config import api as node_config
from services.internal_admin.node_redis_users import api as node_redis_users
from services.internal_admin.node_secrets import api as node_secrets
from services.internal_admin.node_telemetry import api as node_telemetry
from services.internal_admin.nodes import api as nodes
from services.internal_admin.nodes import node_api as joins
from services.internal_admin.onboarding import api as onboarding
from services.internal_admin.operator_sessions import api as operator_sessions
from services.internal_admin.operators import api as operators
from services.internal_admin.operators import setup_api as owner_setup
from services.internal_admin.secrets import api as secrets
from services.internal_admin.sessions import api as sessions
from services.internal_admin.system_settings import api as system_settings
from services.internal_admin.tokens import api as tokens
from services.internal_admin.users import api as users

ROUTES: tuple[Route[Any], ...] = (
    *sessions.ROUTES,
    *users.ROUTES,
    *blocks.ROUTES,
    *invitations.ROUTES,
    *mailbox.ROUTES,
    *owner_setup.ROUTES,
    *operators.ROUTES,
    *operator_sessions.ROUTES,
    *tokens.ROUTES,
    *audit.ROUTES,
    *system_settings.ROUTES,
    *onboarding.ROUTES,
    *connections.ROUTES,
    *connection_health.ROUTES,
    *gateway_configs.ROUTES,
    *agent_keys.ROUTES,
    *agents.ROUTES,
    *agents.PROMPT_ROUTES,
    *node_config.ROUTES,
    *nodes.ROUTES,
    *secrets.ROUTES,
)

NODE_ROUTES: tuple[NodeRoute[Any] | Route[Any], ...] = (
    *joins.NODE_ROUTES,
    *node_config.NODE_ROUTES,
    *node_telemetry.ROUTES,
    *node_redis_users.ROUTES,
    *agent_keys.NODE_ROUTES,
    *node_secrets.ROUTES,
)
"""The routes that nodes call. They may have a listener of their own."""
