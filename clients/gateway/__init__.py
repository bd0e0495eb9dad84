"""The reference gateway client (SPEC §6.5): follows sessions in Redis, and checks signed requests. See README.md.

The names below are the public interface. `pip install ./clients/gateway` installs them as `authsession_gateway`.
"""

from clients.gateway.configured import CannotApply, ConfiguredGateway, Limits
from clients.gateway.middleware import SESSION_KEY, SignedRequests
from clients.gateway.modes import FailClosed, FailStatic
from clients.gateway.notices import Connected, Forgot, Lost, Notice, Refused, ServedStatic, log_notice
from clients.gateway.redis_server import Credentials, Login, RedisServer
from clients.gateway.replay import ReplayGuard
from clients.gateway.request_check import WINDOW, Claim, RequestCheck, replay_life
from clients.gateway.session_cache import (
    Active,
    Answer,
    Revoked,
    SessionCache,
    Unavailable,
    Unknown,
    open_session_cache,
)
from clients.gateway.signature import Signer
from contracts.gateway import GatewayKeys, GatewayRecord
from contracts.gateway_configuration import GatewayConfiguration, GatewayRoute
from contracts.node.report import Lag, Report
from contracts.signed_request import Envelope, RequestRefusal, encode_envelope

__all__ = [
    "SESSION_KEY",
    "WINDOW",
    "Active",
    "Answer",
    "CannotApply",
    "Claim",
    "ConfiguredGateway",
    "Connected",
    "Credentials",
    "Envelope",
    "FailClosed",
    "FailStatic",
    "Forgot",
    "GatewayConfiguration",
    "GatewayKeys",
    "GatewayRecord",
    "GatewayRoute",
    "Lag",
    "Limits",
    "Login",
    "Lost",
    "Notice",
    "RedisServer",
    "Refused",
    "ReplayGuard",
    "Report",
    "RequestCheck",
    "RequestRefusal",
    "Revoked",
    "ServedStatic",
    "SessionCache",
    "SignedRequests",
    "Signer",
    "Unavailable",
    "Unknown",
    "encode_envelope",
    "log_notice",
    "open_session_cache",
    "replay_life",
]
