"""One gRPC channel per endpoint, so that a member can be asked about itself, and the settings every channel has."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
import grpc.aio
import grpc.experimental

from etcdpilot.etcd.authorities import system_authorities
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.model.errors import SpecError

SETTINGS: tuple[tuple[str, int], ...] = (
    # A range may be of any size; gRPC refuses answers of more than 4 MB unless told otherwise.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A host that vanished is noticed within 13 s. etcd closes connections that are pinged more than every 5 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Left alone, a member that was away is asked again only every two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The time one attempt to connect may take (the name is gRPC's): a WAN needs three round trips for TLS.
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # gRPC would send even 127.0.0.1 through $http_proxy.
    ("grpc.enable_http_proxy", 0),
    # Channels of two clients with other certificates must not share a connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A window that does not grow: left to itself gRPC reads ahead of a slow consumer by a hundred megabytes.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 * 1024 * 1024),
    # Who may repeat a call is decided in calls.py, and nowhere below it.
    ("grpc.enable_retries", 0),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM bytes. Without `ca` the system's authorities are trusted; without `cert` and `key` no client certificate is
    shown. `server_name` is the name to find in the server's certificate where it is not the endpoint's host.

    Read once, when a channel is made: a certificate that was renewed needs a new client.
    """

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise SpecError(
                "A client certificate and its key belong together; only one of them was given.",
                remedy="Give both the certificate and the key, or neither.",
            )


def open_channel(endpoint: Endpoint, tls: Tls | None) -> grpc.aio.Channel:
    """A channel that connects when it is first used; must be called inside the loop that will use it."""
    if not endpoint.secure:
        return grpc.aio.insecure_channel(endpoint.address, options=SETTINGS)
    credentials, name = _credentials(endpoint, tls or Tls())
    return grpc.aio.secure_channel(endpoint.address, credentials, options=(*SETTINGS, *name))


def open_plain_channel(endpoint: Endpoint, tls: Tls | None) -> grpc.Channel:
    """The same for a thread that waits for its answers itself: the cheapest way to read a long stream."""
    settings = (*SETTINGS, (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1))
    if not endpoint.secure:
        return grpc.insecure_channel(endpoint.address, options=settings)
    credentials, name = _credentials(endpoint, tls or Tls())
    return grpc.secure_channel(endpoint.address, credentials, options=(*settings, *name))


def _credentials(endpoint: Endpoint, tls: Tls) -> tuple[grpc.ChannelCredentials, tuple[tuple[str, str], ...]]:
    """What is shown and trusted, and the setting that says which name the server's certificate must have."""
    expected = endpoint.name or tls.server_name
    name = (("grpc.ssl_target_name_override", expected),) if expected else ()
    return grpc.ssl_channel_credentials(tls.ca or system_authorities(), tls.key, tls.cert), name
