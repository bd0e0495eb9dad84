"""TLS in front of servers that have none (the embedded builds): a certificate, and a proxy that ends the encryption."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SSL_REQUEST_LENGTH = 8  # https://www.postgresql.org/docs/current/protocol-message-formats.html


@dataclass(frozen=True)
class Certificate:
    """For 127.0.0.1 and the given names, vouched for by nobody but itself."""

    chain: Path
    key: Path


def create_certificate(folder: Path, *names: str) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1")), *map(x509.DNSName, names)]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    made.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@asynccontextmanager
async def tls_proxy(target: int, certificate: Certificate, *, postgres: bool) -> AsyncGenerator[int]:
    """The port of a proxy to `target`. `postgres`: it answers the request for TLS that precedes the handshake."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)

    async def serve(client: trio.SocketStream) -> None:
        try:
            if postgres:
                assert len(await client.receive_some(SSL_REQUEST_LENGTH)) == SSL_REQUEST_LENGTH
                await client.send_all(b"S")
            tls = trio.SSLStream(client, context, server_side=True)
            server = await trio.open_tcp_stream("127.0.0.1", target)
            async with server, trio.open_nursery() as nursery:
                nursery.start_soon(pump, tls, server)
                await pump(server, tls)
                nursery.cancel_scope.cancel()
        except* trio.BrokenResourceError:  # refused the certificate, or was cut
            pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def pump(source: trio.abc.Stream, target: trio.abc.Stream) -> None:
    try:
        while chunk := await source.receive_some():
            await target.send_all(chunk)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    await trio.aclose_forcefully(target)
