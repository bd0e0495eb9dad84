"""TLS to Postgres by the parameters of a libpq URL: mode, trusted certificates and the client's certificate.

Files in the home directory are used only if they can be read, because a service user's home may be unreadable or
missing.
"""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from shared.kernel.faults import ConfigurationError

_SYSTEM = "system"
_VERSIONS = {"tlsv1.2": ssl.TLSVersion.TLSv1_2, "tlsv1.3": ssl.TLSVersion.TLSv1_3}
_HOME_FILES = {
    "sslrootcert": "root.crt", "sslcrl": "root.crl", "sslcert": "postgresql.crt", "sslkey": "postgresql.key",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS with these parameters. Without `root` the connection is encrypted, but the server is not verified."""

    root: str | None
    checks_name: bool
    certificate: str | None
    key: str | None
    password: str = field(repr=False)
    revoked: Mapping[str, str]
    minimum: str
    maximum: str | None
    is_direct: bool

    def context(self) -> ssl.SSLContext:
        """A context with the present files, so that the next connection uses a renewed certificate.

        May raise `OSError`.
        """
        context = self._bare_context()
        for _, load in self._loads(context):
            load()
        return context

    def check(self) -> None:
        """Raise `ConfigurationError` that names every parameter whose file cannot be used."""
        problems: list[str] = []
        for name, load in self._loads(self._bare_context()):
            try:
                load()
            except (OSError, ValueError):
                problems.append(f"the Postgres DSN's {name} cannot be read, or is no such file: check path and content")
        if problems:
            raise ConfigurationError(problems)

    def _bare_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.checks_name
        context.verify_mode = ssl.CERT_NONE if self.root is None else ssl.CERT_REQUIRED
        context.minimum_version = _VERSIONS[self.minimum]
        if self.maximum is not None:
            context.maximum_version = _VERSIONS[self.maximum]
        if self.revoked:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        context.set_alpn_protocols(["postgresql"])
        return context

    def _loads(self, context: ssl.SSLContext) -> Iterator[tuple[str, Callable[[], None]]]:
        if self.root == _SYSTEM:
            yield "sslrootcert", context.load_default_certs
        elif self.root is not None:
            yield "sslrootcert", partial(context.load_verify_locations, cafile=self.root)
        for name, path in self.revoked.items():
            where = {"capath": path} if name == "sslcrldir" else {"cafile": path}
            yield name, partial(context.load_verify_locations, **where)
        if self.certificate is not None:
            yield (
                "sslcert with sslkey",
                partial(context.load_cert_chain, self.certificate, self.key, lambda: self.password),
            )


def tls_of(parameters: Mapping[str, str], *, is_local: bool) -> Tls | None:
    """The TLS that a URL with these parameters asks for; None for plain text. Raises `ConfigurationError`.

    `channel_binding=require` asks for proof that nobody is on the path. The driver cannot bind a password to its
    channel, so the server's certificate and name are verified instead, which protects against the same attacker.
    """
    binds = parameters.get("channel_binding", "").lower() == "require"
    root = _file(parameters, "sslrootcert")
    mode = tls_mode(parameters, is_local=is_local)
    if mode == "disable":
        _refuse_without_tls(parameters, binds=binds)
        return None
    if root == _SYSTEM and mode != "verify-full":
        raise ConfigurationError(["the Postgres DSN's sslrootcert=system needs sslmode=verify-full"])
    if binds:
        root, mode = root or _SYSTEM, "verify-full"
    if root is None and mode != "require":
        raise ConfigurationError([f"the Postgres DSN's sslmode={mode} needs sslrootcert, a file or the word system"])
    certificate, key = (None, None) if parameters.get("sslcertmode") == "disable" else _client_certificate(parameters)
    tls = Tls(
        root=root,
        checks_name=mode == "verify-full",
        certificate=certificate,
        key=key,
        password=parameters.get("sslpassword", ""),
        revoked=_revoked(parameters) if root is not None else {},
        minimum=parameters.get("ssl_min_protocol_version", "TLSv1.2").lower(),
        maximum=parameters.get("ssl_max_protocol_version", "").lower() or None,
        is_direct=parameters.get("sslnegotiation", "").lower() == "direct",
    )
    tls.check()
    return tls


def tls_mode(parameters: Mapping[str, str], *, is_local: bool) -> str:
    """The sslmode of libpq. Its default is plain text on this machine and TLS beyond it.

    With sslrootcert=system the default is `verify-full`; with channel_binding=require it is TLS.
    """
    default = "disable" if is_local else "require"
    if parameters.get("sslrootcert") == _SYSTEM:
        default = "verify-full"
    elif parameters.get("channel_binding", "").lower() == "require":
        default = "require"
    return parameters.get("sslmode", default).lower()


def _refuse_without_tls(parameters: Mapping[str, str], *, binds: bool) -> None:
    if binds:
        raise ConfigurationError(["the Postgres DSN's channel_binding=require needs TLS: write sslmode=verify-full"])
    if parameters.get("sslnegotiation", "").lower() == "direct":
        raise ConfigurationError(["the Postgres DSN's sslnegotiation=direct needs TLS: write sslmode=require"])


def _client_certificate(parameters: Mapping[str, str]) -> tuple[str | None, str | None]:
    certificate = _file(parameters, "sslcert")
    return (None, None) if certificate is None else (certificate, _file(parameters, "sslkey"))


def _revoked(parameters: Mapping[str, str]) -> dict[str, str]:
    files = {"sslcrl": _file(parameters, "sslcrl"), "sslcrldir": parameters.get("sslcrldir")}
    return {name: path for name, path in files.items() if path}


def _file(parameters: Mapping[str, str], name: str) -> str | None:
    """The file of the URL, else of libpq's environment variable, else of the home directory if it can be read."""
    given = parameters.get(name) or os.environ.get(f"PG{name.upper()}")
    if given:
        return given
    home = os.environ.get("HOME")
    path = Path(home or "/") / ".postgresql" / _HOME_FILES[name]
    return str(path) if home and os.access(path, os.R_OK) else None
