"""Every event of the audit trail: one table. A name is contract: it is never renamed and keeps its meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class EventName(StrEnum):
    """The `event` of a row of the audit trail: the attempted action, verb first."""

    CREATE_SESSION = "security.create_session"
    REVOKE_SESSION = "security.revoke_session"
    REVOKE_USER_SESSIONS = "security.revoke_user_sessions"
    NAME_SESSION = "security.name_session"
    REFUSE_ORDER = "security.refuse_order"
    BLOCK_SUBJECT = "security.block_subject"
    UNBLOCK_SUBJECT = "security.unblock_subject"
    ORDER_BLOCK = "security.order_block"
    CHANGE_USER_EMAIL = "security.change_user_email"
    DELETE_USER = "security.delete_user"
    WRITE_INVITATION = "security.write_invitation"
    DELETE_INVITATION = "security.delete_invitation"
    REPEAT_REQUEST = "security.repeat_request"
    REFUSE_REQUEST = "security.refuse_request"
    USE_BREAK_GLASS = "security.use_break_glass"
    CHANGE_SETTING = "security.change_setting"
    ADVANCE_ONBOARDING = "security.advance_onboarding"
    ISSUE_SETUP_CODE = "security.issue_setup_code"
    EXCHANGE_SETUP_CODE = "security.exchange_setup_code"
    REGISTER_OWNER = "security.register_owner"
    LOG_IN = "security.log_in"
    LOG_OUT = "security.log_out"
    RENEW_OPERATOR_SESSION = "security.renew_operator_session"
    REVOKE_OPERATOR_SESSION = "security.revoke_operator_session"
    CHANGE_PASSWORD = "security.change_password"
    RECOVER_PASSWORD = "security.recover_password"
    REGENERATE_RECOVERY_CODES = "security.regenerate_recovery_codes"
    DISABLE_OPERATOR = "security.disable_operator"
    ENABLE_OPERATOR = "security.enable_operator"
    RESET_OPERATOR = "security.reset_operator"
    CREATE_TOKEN = "security.create_token"
    REVOKE_TOKEN = "security.revoke_token"
    CORRECT_PROJECTION = "security.correct_projection"
    BEGIN_EPOCH = "security.begin_epoch"
    CREATE_NODE_POOL = "security.create_node_pool"
    CREATE_JOIN_TOKEN = "security.create_join_token"
    REVOKE_JOIN_TOKEN = "security.revoke_join_token"
    JOIN_NODE = "security.join_node"
    REGISTER_NODE = "security.register_node"
    APPROVE_NODE = "security.approve_node"
    REVOKE_NODE = "security.revoke_node"
    CHANGE_NODE_KEY = "security.change_node_key"
    RENEW_NODE_REDIS_USER = "security.renew_node_redis_user"
    CREATE_GATEWAY_CONFIG = "security.create_gateway_config"
    CHANGE_GATEWAY_CONFIG = "security.change_gateway_config"
    ARCHIVE_GATEWAY_CONFIG = "security.archive_gateway_config"
    PUBLISH_GATEWAY_CONFIG = "security.publish_gateway_config"
    ACTIVATE_GATEWAY_CONFIG = "security.activate_gateway_config"
    PAUSE_GATEWAY_CONFIG = "security.pause_gateway_config"
    REVERT_GATEWAY_CONFIG = "security.revert_gateway_config"
    HALT_CONFIG_STAGE = "security.halt_config_stage"
    CHANGE_CONFIG_KEYS = "security.change_config_keys"
    BEGIN_CONFIG_EPOCH = "security.begin_config_epoch"
    REJECT_CONFIGURATION = "security.reject_configuration"
    DETECT_SHARED_KEY = "security.detect_shared_key"
    CREATE_AGENT = "security.create_agent"
    CHANGE_AGENT = "security.change_agent"
    ARCHIVE_AGENT = "security.archive_agent"
    PUBLISH_AGENT = "security.publish_agent"
    ACTIVATE_AGENT = "security.activate_agent"
    PAUSE_AGENT = "security.pause_agent"
    REVERT_AGENT = "security.revert_agent"
    REGISTER_AGENT_KEY = "security.register_agent_key"
    WRITE_SECRET = "security.write_secret"
    RESTORE_SECRET = "security.restore_secret"
    GRANT_SECRET = "security.grant_secret"
    WITHDRAW_SECRET = "security.withdraw_secret"
    DELETE_SECRET = "security.delete_secret"
    UNDELETE_SECRET = "security.undelete_secret"
    DESTROY_SECRET = "security.destroy_secret"
    OPEN_SECRET = "security.open_secret"
    REVEAL_SECRET = "security.reveal_secret"
    REWRAP_SECRETS = "security.rewrap_secrets"
    WRITE_CONNECTION = "security.write_connection"
    VERIFY_CONNECTION = "security.verify_connection"
    DELETE_CONNECTION = "security.delete_connection"
    SET_DEFAULT_CONNECTION = "security.set_default_connection"
    CHANGE_CONNECTION_HEALTH = "security.change_connection_health"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One row of `docs/reference/audit-events.md`."""

    meaning: str
    callers: str
    actor: str
    subject: str


_INTERNAL = "internal caller"
_SYSTEM = "`system`"
_DEVICE = "device session that signed"
_BY_USER = f"{_DEVICE}, `notice`"
_CLAIMED = "as the caller claims"
_NONE = ""
_PERSON = "person at the terminal"
_OPERATORS = "operator, token, `break_glass`, `unauthenticated` or `command_line`"
_MAYBE_PERSON = f"none, or the {_PERSON}"
_PUBLISHER = "operator, token or `command_line`"
_PUBLISHING = f"none, or the {_PERSON}"
_GATEWAY_CONFIG = "gateway configuration"

AUDIT_EVENTS: Mapping[EventName, EventSpec] = MappingProxyType({
    EventName.CREATE_SESSION: EventSpec(
        "A right code opened a device session.", "`public`", _NONE, "device session"),
    EventName.REVOKE_SESSION: EventSpec(
        "One device session was revoked. `reason_code` says why.",
        f"{_INTERNAL}, `public` at the session limit, {_BY_USER}, {_SYSTEM}", f"{_CLAIMED}, `user`, or {_SYSTEM}",
        "device session"),
    EventName.REVOKE_USER_SESSIONS: EventSpec(
        "All sessions of one user were revoked, or all but one.", f"{_INTERNAL}, {_BY_USER}", f"{_CLAIMED}, or `user`",
        "user"),
    EventName.NAME_SESSION: EventSpec(
        "A device gave its session another name.", _DEVICE, "`user`", "device session"),
    EventName.REFUSE_ORDER: EventSpec(
        "An order of self-service had no valid proof. The public process files no such order, so somebody else did.",
        _SYSTEM, _SYSTEM, "device session that the order names"),
    EventName.BLOCK_SUBJECT: EventSpec(
        "A user or an address was blocked, and its sessions were revoked.", _INTERNAL, _CLAIMED, "user or e-mail"),
    EventName.UNBLOCK_SUBJECT: EventSpec(
        "A block of a user or an address was removed.", _INTERNAL, _CLAIMED, "user or e-mail"),
    EventName.ORDER_BLOCK: EventSpec(
        "The user service was told of a block.", _SYSTEM, _SYSTEM, "user or e-mail"),
    EventName.CHANGE_USER_EMAIL: EventSpec(
        "A user got another address.", _INTERNAL, _CLAIMED, "user"),
    EventName.DELETE_USER: EventSpec(
        "A user was erased, and their sessions were revoked.", _INTERNAL, _CLAIMED, "user"),
    EventName.WRITE_INVITATION: EventSpec(
        "An address was invited, or its invitation was renewed.", _OPERATORS, _MAYBE_PERSON, "e-mail"),
    EventName.DELETE_INVITATION: EventSpec(
        "An invitation was withdrawn.", _OPERATORS, _MAYBE_PERSON, "e-mail"),
    EventName.REPEAT_REQUEST: EventSpec(
        "A request under a known `Idempotency-Key` got the first answer. `details` name the first request.",
        _INTERNAL, _NONE, _NONE),
    EventName.REFUSE_REQUEST: EventSpec(
        "A change was refused before it was looked at, or credentials were bad. `details` name method and route.",
        f"{_INTERNAL}, or `anonymous`", _NONE, _NONE),
    EventName.USE_BREAK_GLASS: EventSpec(
        "The break-glass token was presented. `details` name method and route.", "`break_glass`", _NONE, _NONE),
    EventName.CHANGE_SETTING: EventSpec(
        "A system setting was changed. `details` name the setting with its old and new value.",
        "operator, token, `break_glass`, `unauthenticated` or `command_line`", "the caller, or the " + _PERSON, _NONE),
    EventName.ADVANCE_ONBOARDING: EventSpec(
        "A step of the first run was done or skipped. `details` name the step.", "operator", _NONE, "operator"),
    EventName.ISSUE_SETUP_CODE: EventSpec(
        "A setup code for the first owner was printed.", "`command_line`", _PERSON, _NONE),
    EventName.EXCHANGE_SETUP_CODE: EventSpec(
        "A setup code was exchanged for a registration token.", "`anonymous`", _NONE, _NONE),
    EventName.REGISTER_OWNER: EventSpec(
        "The first owner was registered.", "`anonymous`", _NONE, "operator"),
    EventName.LOG_IN: EventSpec(
        "An operator's password was tried. `reason_code` says why it was refused.",
        "`anonymous`", _NONE, "operator, if the name exists"),
    EventName.LOG_OUT: EventSpec(
        "An operator ended the own session.", "operator", _NONE, "operator session"),
    EventName.RENEW_OPERATOR_SESSION: EventSpec(
        "An operator's session was renewed.", "operator", _NONE, "operator session"),
    EventName.REVOKE_OPERATOR_SESSION: EventSpec(
        "An operator's session was revoked.", "operator", _NONE, "operator session"),
    EventName.CHANGE_PASSWORD: EventSpec(
        "An operator changed the own password, which ended the other sessions.", "operator", _NONE, "operator"),
    EventName.RECOVER_PASSWORD: EventSpec(
        "A recovery code was tried. Success ends every session and token of the operator.",
        "`anonymous`", _NONE, "operator, if the name exists"),
    EventName.REGENERATE_RECOVERY_CODES: EventSpec(
        "An operator made new recovery codes.", "operator", _NONE, "operator"),
    EventName.DISABLE_OPERATOR: EventSpec(
        "An operator was disabled; sessions and tokens ended.", "`command_line`", _PERSON, "operator"),
    EventName.ENABLE_OPERATOR: EventSpec(
        "An operator was enabled again.", "`command_line`", _PERSON, "operator"),
    EventName.RESET_OPERATOR: EventSpec(
        "One recovery code replaced an operator's password; sessions and tokens ended.",
        "`command_line`", _PERSON, "operator"),
    EventName.CREATE_TOKEN: EventSpec(
        "An API token was created. `details` name its scopes.",
        "operator or `command_line`", f"none, or the {_PERSON}", "token"),
    EventName.REVOKE_TOKEN: EventSpec(
        "An API token was revoked.", "operator or `command_line`", f"none, or the {_PERSON}", "token"),
    EventName.CORRECT_PROJECTION: EventSpec(
        "A gateway record, stream entry or the stream itself was corrected. `reason_code` names the kind.",
        _SYSTEM, _SYSTEM, "device session, if there is one"),
    EventName.BEGIN_EPOCH: EventSpec(
        "A new epoch of the projection began. `reason_code` says why.", _SYSTEM, _SYSTEM, _NONE),
    EventName.CREATE_NODE_POOL: EventSpec(
        "A pool of nodes was created. `details` name it.", _OPERATORS, _MAYBE_PERSON, _NONE),
    EventName.CREATE_JOIN_TOKEN: EventSpec(
        "A join token was created. `details` name its pool, its uses and its node name.",
        _OPERATORS, _MAYBE_PERSON, "join token"),
    EventName.REVOKE_JOIN_TOKEN: EventSpec("A join token was revoked.", _OPERATORS, _MAYBE_PERSON, "join token"),
    EventName.JOIN_NODE: EventSpec(
        "A node tried to join. `details` name the pool and the join token.",
        "join token, or `anonymous`", _NONE, "node, or the join token that was shown"),
    EventName.REGISTER_NODE: EventSpec(
        "A node was registered with its public keys. `details` name the pool.", _OPERATORS, _MAYBE_PERSON, "node"),
    EventName.APPROVE_NODE: EventSpec("A node that waited was approved.", _OPERATORS, _MAYBE_PERSON, "node"),
    EventName.REVOKE_NODE: EventSpec(
        "A node was revoked, for good. `reason_code` says why.",
        f"{_OPERATORS}, or {_SYSTEM}", f"{_CLAIMED}, or {_SYSTEM}", "node"),
    EventName.CHANGE_NODE_KEY: EventSpec(
        "A node changed its keys. `details` name the generation.", "node", _NONE, "node"),
    EventName.RENEW_NODE_REDIS_USER: EventSpec("A node got a new password for Redis.", "node", _NONE, "node"),
    EventName.CREATE_GATEWAY_CONFIG: EventSpec(
        "A gateway configuration was created, with a draft.", _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.CHANGE_GATEWAY_CONFIG: EventSpec(
        "The draft of a gateway configuration was changed. `details` name its new revision.",
        _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.ARCHIVE_GATEWAY_CONFIG: EventSpec(
        "A gateway configuration was archived.", _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.PUBLISH_GATEWAY_CONFIG: EventSpec(
        "A draft was published as a version. `details` name the version.", _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.ACTIVATE_GATEWAY_CONFIG: EventSpec(
        "A version was activated. `details` name it, and epoch and sequence of each pool.",
        _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.PAUSE_GATEWAY_CONFIG: EventSpec(
        "A gateway configuration was paused. `details` name epoch and sequence of each pool.",
        _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.REVERT_GATEWAY_CONFIG: EventSpec(
        "A version was copied into the draft. `details` name the version and the new revision.",
        _PUBLISHER, _PUBLISHING, _GATEWAY_CONFIG),
    EventName.HALT_CONFIG_STAGE: EventSpec(
        "A node rejected a configuration, which halted its stage. `details` name the pool.", _SYSTEM, _SYSTEM, _NONE),
    EventName.CHANGE_CONFIG_KEYS: EventSpec(
        "The manifests of pools were signed with other keys. `details` name the pools and the ids of the keys.",
        _SYSTEM, _SYSTEM, _NONE),
    EventName.BEGIN_CONFIG_EPOCH: EventSpec(
        "A new epoch of configuration began. `details` name the pools.", "`command_line`", _PERSON, _NONE),
    EventName.REJECT_CONFIGURATION: EventSpec(
        "A node rejected a configuration. `reason_code` is the node's error code.",
        "node", _NONE, "node"),
    EventName.DETECT_SHARED_KEY: EventSpec(
        "Two processes used the key of one node. The outcome is the policy: `report` or `revoke`.",
        "node", _NONE, "node"),
    EventName.CREATE_AGENT: EventSpec(
        "An agent was created, with a draft.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.CHANGE_AGENT: EventSpec(
        "The draft of an agent was changed. `details` name its new revision.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.ARCHIVE_AGENT: EventSpec(
        "An agent was archived, and its own secrets were deleted.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.PUBLISH_AGENT: EventSpec(
        "A draft was published as a version. `details` name the version.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.ACTIVATE_AGENT: EventSpec(
        "A version was activated. `details` name it, and epoch and sequence of each pool.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.PAUSE_AGENT: EventSpec(
        "An agent was paused, and its sessions were revoked. `details` name epoch and sequence of each pool.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.REVERT_AGENT: EventSpec(
        "A version was copied into the draft. `details` name the version and the new revision.",
        _PUBLISHER, _PUBLISHING, "agent"),
    EventName.REGISTER_AGENT_KEY: EventSpec(
        "A key of an agent opened a device session. `details` name the session.",
        "operator, token or node", _NONE, "agent"),
    EventName.WRITE_SECRET: EventSpec(
        "A secret was created or got a new value. `details` name its version.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.RESTORE_SECRET: EventSpec(
        "An earlier value of a secret became a new version. `details` name both.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.GRANT_SECRET: EventSpec(
        "A secret was granted to a pool or an agent. `details` name it.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.WITHDRAW_SECRET: EventSpec(
        "A grant of a secret was withdrawn. `details` name the pool or agent.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.DELETE_SECRET: EventSpec(
        "A secret was deleted. It can be undeleted for seven days.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.UNDELETE_SECRET: EventSpec(
        "A deleted secret was brought back.",
        _OPERATORS, _MAYBE_PERSON, "secret"),
    EventName.DESTROY_SECRET: EventSpec(
        "Versions of a secret were destroyed for good. `details` name them.",
        f"{_OPERATORS}, or {_SYSTEM}", f"{_MAYBE_PERSON}, or {_SYSTEM}", "secret"),
    EventName.OPEN_SECRET: EventSpec(
        "A node asked for a version of a secret. `details` name the version and the reader.",
        "node", _NONE, "secret"),
    EventName.REVEAL_SECRET: EventSpec(
        "A person printed a value on a terminal. `details` name the version.",
        "`command_line`", _PERSON, "secret"),
    EventName.REWRAP_SECRETS: EventSpec(
        "Data keys of secrets were wrapped anew with the newest key. `details` name how many.",
        f"`command_line`, or {_SYSTEM}", f"{_PERSON}, or {_SYSTEM}", _NONE),
    EventName.WRITE_CONNECTION: EventSpec(
        "A connection was written. The outcome is that of its verification. `details` name the revision.",
        _OPERATORS, _MAYBE_PERSON, "connection"),
    EventName.VERIFY_CONNECTION: EventSpec(
        "A connection was verified on demand. `details` name the result.",
        _OPERATORS, _MAYBE_PERSON, "connection"),
    EventName.DELETE_CONNECTION: EventSpec(
        "A connection was deleted, with its secrets.",
        _OPERATORS, _MAYBE_PERSON, "connection"),
    EventName.SET_DEFAULT_CONNECTION: EventSpec(
        "The default connection for a key was set or removed. `details` name the key.",
        _OPERATORS, _MAYBE_PERSON, "connection"),
    EventName.CHANGE_CONNECTION_HEALTH: EventSpec(
        "The health of a connection changed. The outcome is its new state.",
        _SYSTEM, _SYSTEM, "connection"),
})  # fmt: skip
