"""Settings of the internal process, from a given environment. All problems are reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings, read_node_telemetry
from services.internal_admin.operators.settings import OperatorSettings, read_operator_settings
from shared.config import variables
from shared.config.process_settings import ProcessSettings, read_process_settings, read_proxy_protocol
from shared.config.production import check_keys, check_production, check_trusted_proxies
from shared.config.settings import Reading
from shared.kernel.address import EVERY_INTERFACE, Address, is_on_this_machine, parse_address
from shared.kernel.config_keys import NO_CONFIG_KEYS, ConfigKeys
from shared.kernel.keyring import NO_KEYS, KeyRing
from shared.kernel.network import IpNetwork

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class InternalAdminSettings:
    """`requires_token`: the internal API asks for a token. Else every caller who reaches `http_address` may use it.

    Nodes are served on `node_http_address`; if it is None, on `http_address`.
    `config_keys` is empty if the installation signs nothing for nodes, `secret_keys` if it keeps no secrets.
    `node_telemetry` is None if no collector takes the telemetry of nodes.
    `gives_redis_users`: each node may have a user of Redis for itself.
    """

    process: ProcessSettings
    operators: OperatorSettings
    requires_token: bool
    http_address: Address
    node_http_address: Address | None
    trusted_proxies: tuple[IpNetwork, ...]
    expects_proxy_protocol: bool
    nodes_expect_proxy_protocol: bool
    known_hosts: frozenset[str]
    config_keys: ConfigKeys = field(repr=False)
    secret_keys: KeyRing = field(repr=False)
    node_telemetry: NodeTelemetrySettings | None
    gives_redis_users: bool


def read_settings(environment: Mapping[str, str]) -> InternalAdminSettings:
    """The settings. Raises `ConfigurationError` with every problem, each with its variable and its cure."""
    reading = Reading(environment)
    process = read_process_settings(reading)
    check_production(reading, process)
    requires_token = reading.required(variables.INTERNAL_AUTH) == "token"
    operators = read_operator_settings(reading, is_production=process.is_production)
    http_address = _http_address(reading, is_open=not requires_token or _shows_much(process, operators))
    if not requires_token and http_address is not None and not is_on_this_machine(http_address):
        _refuse_or_warn(reading, process, http_address)
    trusted_proxies = reading.required(variables.TRUSTED_PROXIES)
    check_trusted_proxies(reading, process, trusted_proxies)
    config_keys = reading.optional(variables.CONFIG_KEYS) or NO_CONFIG_KEYS
    secret_keys = reading.optional(variables.SECRET_KEYS) or NO_KEYS
    check_keys(
        reading,
        process,
        {
            variables.LOGIN_CODE_KEYS.name: process.login_code_keys,
            variables.SEALING_KEYS.name: process.sealing_keys,
            variables.COOKIE_KEYS.name: operators.cookie_keys,
            variables.AUDIT_KEYS.name: operators.audit_keys,
            variables.CONFIG_KEYS.name: config_keys,
            variables.SECRET_KEYS.name: secret_keys,
        },
    )
    expects_proxy_protocol = read_proxy_protocol(reading, variables.INTERNAL_PROXY_PROTOCOL)
    nodes_expect_proxy_protocol = read_proxy_protocol(reading, variables.NODE_PROXY_PROTOCOL)
    node_http_address = _node_http_address(reading, http_address)
    known_hosts = reading.required(variables.INTERNAL_HOSTS)
    node_telemetry = read_node_telemetry(reading, is_production=process.is_production)
    gives_redis_users = reading.required(variables.NODE_REDIS_USERS)
    reading.finish()
    assert http_address is not None
    return InternalAdminSettings(
        process,
        operators,
        requires_token,
        http_address,
        node_http_address,
        trusted_proxies,
        expects_proxy_protocol,
        nodes_expect_proxy_protocol,
        known_hosts,
        config_keys,
        secret_keys,
        node_telemetry,
        gives_redis_users,
    )


def _shows_much(process: ProcessSettings, operators: OperatorSettings) -> bool:
    """Whether the listener shows login codes or has an open control plane, as in development, even with a token."""
    return process.mail_service_mode == "stub" or operators.auth_mode == "open"


def _http_address(reading: Reading, *, is_open: bool) -> Address | None:
    """The address to listen on. `:port` means loopback while the listener is open without credentials (SPEC §1.1)."""
    text = reading.optional(variables.INTERNAL_HTTP_ADDR)
    return None if text is None else parse_address(text, default_host=_LOOPBACK if is_open else EVERY_INTERFACE)


def _node_http_address(reading: Reading, http_address: Address | None) -> Address | None:
    """The address for nodes. Every interface is a fit default in production too, because nodes sign every request."""
    address = reading.optional(variables.NODE_HTTP_ADDR)
    if address is not None and address == http_address:
        reading.problems.append(
            f"{variables.NODE_HTTP_ADDR.name} is the address of {variables.INTERNAL_HTTP_ADDR.name}: "
            "write another one, or leave it out to serve nodes there"
        )
    return address


def _refuse_or_warn(reading: Reading, process: ProcessSettings, address: Address) -> None:
    name = variables.INTERNAL_HTTP_ADDR.name
    if process.is_production:
        reading.problems.append(
            f"{name} is not loopback, which production refuses while the internal API needs no credentials: "
            f"write {variables.INTERNAL_AUTH.name}=token, 127.0.0.1:port or unix:/path"
        )
    else:
        reading.warnings.append(f"{name}: everyone who reaches {address} may use the internal API without credentials")
