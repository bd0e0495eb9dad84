"""Settings of the calls to connections (SPEC §18.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from shared.config import variables
from shared.config.settings import Reading, Variable
from shared.io.postgres_dsn import hosts_of
from shared.kernel.address import EVERY_INTERFACE, Address, TcpAddress, parse_address
from shared.kernel.egress_rules import EgressRules, never_opens
from shared.kernel.network import IpNetwork

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """The parameters of `shared.io.egress.Egress`. `own` are the servers and listeners of this installation."""

    rules: EgressRules
    proxy: TcpAddress | None
    own: tuple[TcpAddress, ...]


def read_egress(reading: Reading, dsns: Iterable[str | None]) -> EgressSettings:
    """The settings. `dsns` are the URLs of Postgres. Networks that open nothing are problems of `reading`."""
    is_development = reading.required(variables.ENV) == "development"
    networks = reading.required(variables.EGRESS_ALLOW)
    _check(reading, networks)
    rules = EgressRules(networks, is_development=is_development)
    own = dict.fromkeys(each for each in _own(reading, dsns) if isinstance(each, TcpAddress) and each.port)
    return EgressSettings(rules, reading.optional(variables.EGRESS_PROXY), tuple(own))


def _check(reading: Reading, networks: Iterable[IpNetwork]) -> None:
    for network in networks:
        if never_opens(network):
            reading.problems.append(
                f"{variables.EGRESS_ALLOW.name} names {network}, which stays closed: it holds metadata of a cloud, "
                "or no single machine; remove it"
            )


def _own(reading: Reading, dsns: Iterable[str | None]) -> Iterator[Address]:
    """The addresses of all listeners and servers of both processes, as far as they are sound."""
    for dsn in dsns:
        yield from (TcpAddress(host, port) for host, port in (hosts_of(dsn) if dsn else ()) if not host.startswith("/"))
    for text in (_known(reading, variables.REDIS_ADDR), _known(reading, variables.INTERNAL_HTTP_ADDR)):
        yield from () if text is None else (parse_address(text, default_host=EVERY_INTERFACE),)
    for variable in (variables.PUBLIC_HTTP_ADDR, variables.PUBLIC_METRICS_ADDR, variables.NODE_HTTP_ADDR):
        address = _known(reading, variable)
        yield from () if address is None else (address,)


def _known(reading: Reading, variable: Variable[T]) -> T | None:
    """The value, without its problems: the settings that it belongs to note them."""
    before = len(reading.problems)
    value = reading.optional(variable)
    del reading.problems[before:]
    return value
