"""The reference node library (SPEC §16): joins, follows signed configuration, reports. See README.md.

The names below are the public interface. `pip install ./clients/node` installs them as `authsession_node`.
"""

from clients.node.configuration import Apply, Configuration, ConfigurationRejected, Degraded
from clients.node.disk import FolderInUse
from clients.node.identity import PrivateKeys
from clients.node.link import Denial, Unavailable
from clients.node.node import Node, open_node
from clients.node.notices import (
    Applied,
    ClockIsWrong,
    Denied,
    Distrusted,
    Expired,
    Joined,
    Notice,
    NotKept,
    Reached,
    Rejected,
    Revoked,
    Unreached,
    Waiting,
    log_notice,
)
from clients.node.redis_user import RedisLogin
from clients.node.secrets import Environment, Secret, SecretWiped, environment
from clients.node.settings import NodeSettings, Registered, Timing
from clients.node.standing import Problem
from clients.node.telemetry import OtlpAnswer
from contracts.agent_document import AgentDocument, decode_agent_document
from contracts.node.manifest import Document, Manifest, Position, SecretReference
from contracts.node.report import Lag, Report
from contracts.node.secrets import SecretVersion
from contracts.node.signed import ConfigKey

__all__ = [
    "AgentDocument",
    "Applied",
    "Apply",
    "ClockIsWrong",
    "ConfigKey",
    "Configuration",
    "ConfigurationRejected",
    "Degraded",
    "Denial",
    "Denied",
    "Distrusted",
    "Document",
    "Environment",
    "Expired",
    "FolderInUse",
    "Joined",
    "Lag",
    "Manifest",
    "Node",
    "NodeSettings",
    "NotKept",
    "Notice",
    "OtlpAnswer",
    "Position",
    "PrivateKeys",
    "Problem",
    "Reached",
    "RedisLogin",
    "Registered",
    "Rejected",
    "Report",
    "Revoked",
    "Secret",
    "SecretReference",
    "SecretVersion",
    "SecretWiped",
    "Timing",
    "Unavailable",
    "Unreached",
    "Waiting",
    "decode_agent_document",
    "environment",
    "log_notice",
    "open_node",
]
