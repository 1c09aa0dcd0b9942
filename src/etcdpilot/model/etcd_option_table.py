"""Every option of an etcd server, 3.4 to 3.7: the one place that knows which release has which, and of what type.

Facts taken from the flag definitions in etcd's source (`embed/config.go`, `etcdmain/config.go`) at every release tag from
3.4.0 to 3.7.1, and from each binary's own `--help`; a test compares every row with every etcd that this machine has.
`--help` itself is no proof: 3.7 lists `discovery` and `discovery-proxy` and refuses both, and 3.4 hides some it takes.

Left out: `--version` and `--help` (they start nothing), and the names that etcd swallows for the sake of releases before
3.0 (`cluster-active-size`, `peer-heartbeat-interval`, `snapshot` and ten more), which do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from etcdpilot.model.versions import Version


class Kind(Enum):
    """What a value is, and so how it may be written; what etcd itself wants of it is in brackets."""

    BOOL = "true or false"
    INT = "a whole number"
    UINT = "a whole number, 0 or more"
    BYTES = "a size such as 8GiB"  # [bytes]
    MEGABYTES = "a size such as 100MiB"  # [units of 2**20 bytes]
    MILLISECONDS = "a time such as 100ms"  # [milliseconds]
    SECONDS = "a time such as 5m"  # [seconds]
    DURATION = "a time such as 10m or 1h30m"  # [Go's notation]
    RETENTION = "a time such as 1h, or a number of hours or revisions"
    CHOICE = "one of a few words"
    URLS = "URLs with a port, joined by commas"
    ORIGINS = "* or URLs with a port, joined by commas"
    LIST = "words joined by commas"
    GATES = "feature gates such as InitialCorruptCheck=true"
    JSON = "a JSON object"
    PATH = "an absolute path"
    TEXT = "a text"


@dataclass(frozen=True, slots=True)
class Option:
    """One option, without its dashes.

    `since`: the first release that has it, in each line that got it late: "3.4.20 3.5.5" is not in 3.4.19 nor in 3.5.4;
    later lines have it from their start. Empty: older than 3.4.
    `until`: the first line without it, such as "3.7". Empty: still there.
    `default`: what etcd takes where nothing is set; None where the lines differ or `--help` does not say.
    `renamed`: what does the same today; with `gate`, it is that gate of `feature-gates`.
    `choices`: the words allowed; `word@3.6` came with that release, `word!3.5` went with it.
    `limits`: least and most for numbers, in etcd's unit.
    `one_before`: until that release a list had to be a single word (`since`'s notation).
    """

    name: str
    kind: Kind
    default: str | None = None
    since: str = ""
    until: str = ""
    renamed: str = ""
    gate: str = ""
    choices: str = ""
    limits: tuple[int, int | None] | None = None
    one_before: str = ""
    bootstrap: bool = False  # only the first start reads it
    owned: bool = False  # etcdpilot writes it; nobody may set it under `options`
    secret: bool = False  # its value is never shown, logged, or put where others can read it


Row = Option
BOOL, INT, UINT, BYTES, MEGABYTES = Kind.BOOL, Kind.INT, Kind.UINT, Kind.BYTES, Kind.MEGABYTES
MILLISECONDS, SECONDS, DURATION, RETENTION = Kind.MILLISECONDS, Kind.SECONDS, Kind.DURATION, Kind.RETENTION
CHOICE, URLS, ORIGINS, LIST, GATES = Kind.CHOICE, Kind.URLS, Kind.ORIGINS, Kind.LIST, Kind.GATES
JSON, PATH, TEXT = Kind.JSON, Kind.PATH, Kind.TEXT

STREAMS = "4294967295"  # help says math.MaxUint32
PEER_URL, CLIENT_URL = "http://localhost:2380", "http://localhost:2379"
STAGES = "not-yet!3.6 write-only write-only-skip-check@3.5.32,3.6.13 write-only-drop-data gone"
ROTATION = '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}'

# fmt: off
MEMBER = (
    Row("name", TEXT, "default", owned=True),
    Row("data-dir", PATH, "${name}.etcd", owned=True),
    Row("wal-dir", PATH, "", owned=True),
    Row("config-file", PATH, owned=True),  # beside it etcd reads neither flags nor environment
    Row("snapshot-count", UINT),  # 100000 until 3.5, 10000 from 3.6 on
    Row("heartbeat-interval", MILLISECONDS, "100", limits=(1, None)),
    Row("election-timeout", MILLISECONDS, "1000", limits=(1, 50_000)),
    Row("initial-election-tick-advance", BOOL, "true"),
    Row("listen-peer-urls", URLS, PEER_URL, owned=True),
    Row("listen-client-urls", URLS, CLIENT_URL, owned=True),
    Row("listen-client-http-urls", URLS, "", since="3.4.25 3.5.8"),
    Row("max-snapshots", UINT, "5"),
    Row("max-wals", UINT, "5"),
    Row("memory-mlock", BOOL, since="3.6.0"),
    Row("quota-backend-bytes", BYTES, "0", limits=(-1, None)),  # 0 is 2 GiB, less than 0 is no quota
    Row("backend-bbolt-freelist-type", CHOICE, "map", since="3.5.0", choices="array map"),
    Row("backend-batch-interval", DURATION, ""),
    Row("backend-batch-limit", INT, "0", limits=(0, None)),
    Row("max-txn-ops", UINT, "128"),
    Row("max-request-bytes", BYTES, "1572864", limits=(1, None)),
    Row("max-concurrent-streams", UINT, STREAMS, since="3.4.20 3.5.5", limits=(1, 2**32 - 1)),
    Row("grpc-keepalive-min-time", DURATION, "5s"),
    Row("grpc-keepalive-interval", DURATION, "2h"),
    Row("grpc-keepalive-timeout", DURATION, "20s"),
    Row("socket-reuse-port", BOOL, "false", since="3.5.0"),
    Row("socket-reuse-address", BOOL, "false", since="3.5.0"),
    Row("enable-grpc-gateway", BOOL),
    Row("raft-read-timeout", DURATION, "5s", since="3.5.0"),
    Row("raft-write-timeout", DURATION, "5s", since="3.5.0"),
    Row("feature-gates", GATES, "", since="3.6.0"),
)

CLUSTERING = (
    Row("initial-advertise-peer-urls", URLS, PEER_URL, bootstrap=True, owned=True),
    Row("initial-cluster", TEXT, "default=http://localhost:2380", bootstrap=True, owned=True),
    Row("initial-cluster-state", CHOICE, "new", choices="new existing", bootstrap=True, owned=True),
    Row("initial-cluster-token", TEXT, "etcd-cluster", bootstrap=True, owned=True),
    Row("advertise-client-urls", URLS, CLIENT_URL, owned=True),
    Row("discovery", TEXT, "", until="3.7", bootstrap=True, owned=True),
    Row("discovery-token", TEXT, "", since="3.6.0", bootstrap=True, owned=True),
    Row("discovery-endpoints", LIST, "", since="3.6.0", bootstrap=True, owned=True),
    Row("discovery-dial-timeout", DURATION, "2s", since="3.6.0", bootstrap=True),
    Row("discovery-request-timeout", DURATION, "5s", since="3.6.0", bootstrap=True),
    Row("discovery-keepalive-time", DURATION, "2s", since="3.6.0", bootstrap=True),
    Row("discovery-keepalive-timeout", DURATION, "6s", since="3.6.0", bootstrap=True),
    Row("discovery-insecure-transport", BOOL, "true", since="3.6.0", bootstrap=True),
    Row("discovery-insecure-skip-tls-verify", BOOL, "false", since="3.6.0", bootstrap=True),
    Row("discovery-cert", PATH, "", since="3.6.0", bootstrap=True),
    Row("discovery-key", PATH, "", since="3.6.0", bootstrap=True),
    Row("discovery-cacert", PATH, "", since="3.6.0", bootstrap=True),
    Row("discovery-user", TEXT, "", since="3.6.0", bootstrap=True, secret=True),  # may hold user:password
    Row("discovery-password", TEXT, "", since="3.6.0", bootstrap=True, secret=True),
    Row("discovery-fallback", CHOICE, choices="exit proxy!3.6", bootstrap=True),  # 3.6 takes the word proxy and fails
    Row("discovery-proxy", TEXT, "", until="3.7", bootstrap=True),
    Row("discovery-srv", TEXT, "", bootstrap=True, owned=True),
    Row("discovery-srv-name", TEXT, "", bootstrap=True, owned=True),
    Row("strict-reconfig-check", BOOL, "true"),
    Row("pre-vote", BOOL),  # false in 3.4, true from 3.5 on
    Row("auto-compaction-retention", RETENTION, "0"),
    Row("auto-compaction-mode", CHOICE, "periodic", choices="periodic revision"),
    Row("enable-v2", BOOL, "false", until="3.6"),
    Row("v2-deprecation", CHOICE, since="3.5.0", choices=STAGES),
    Row("force-new-cluster", BOOL, "false", bootstrap=True, owned=True),
)

SECURITY = (
    Row("cert-file", PATH, "", owned=True),
    Row("key-file", PATH, "", owned=True),
    Row("client-cert-auth", BOOL, "false", owned=True),
    Row("client-cert-file", PATH, "", since="3.5.0", owned=True),
    Row("client-key-file", PATH, "", since="3.5.0", owned=True),
    Row("client-crl-file", PATH, ""),
    Row("client-cert-allowed-hostname", LIST, "", one_before="3.5.15"),
    Row("trusted-ca-file", PATH, "", owned=True),
    Row("auto-tls", BOOL, "false", owned=True),
    Row("peer-cert-file", PATH, "", owned=True),
    Row("peer-key-file", PATH, "", owned=True),
    Row("peer-client-cert-auth", BOOL, "false", owned=True),
    Row("peer-client-cert-file", PATH, "", since="3.5.0", owned=True),
    Row("peer-client-key-file", PATH, "", since="3.5.0", owned=True),
    Row("peer-trusted-ca-file", PATH, "", owned=True),
    Row("peer-cert-allowed-cn", LIST, "", one_before="3.5.15"),
    Row("peer-cert-allowed-hostname", LIST, "", one_before="3.5.15"),
    Row("peer-auto-tls", BOOL, "false", owned=True),
    Row("peer-skip-client-san-verification", BOOL, "false", since="3.6.0"),
    Row("self-signed-cert-validity", UINT, "1", since="3.5.0"),  # years
    Row("peer-crl-file", PATH, ""),
    Row("cipher-suites", LIST, ""),
    Row("cors", ORIGINS, "*"),
    Row("host-whitelist", LIST, "*"),
    Row("tls-min-version", CHOICE, "TLS1.2", since="3.4.25 3.5.8", choices="TLS1.2 TLS1.3"),
    Row("tls-max-version", CHOICE, "", since="3.4.25 3.5.8", choices="TLS1.2 TLS1.3"),
    Row("auth-token", TEXT, "simple"),
    Row("bcrypt-cost", UINT, "10", limits=(4, 31)),
    Row("auth-token-ttl", SECONDS, "300", since="3.4.10 3.5.0"),
    Row("unsafe-no-fsync", BOOL, "false", since="3.4.10 3.5.0"),
)

WATCHING = (
    Row("enable-pprof", BOOL, "false"),
    Row("metrics", CHOICE, "basic", choices="basic extensive"),
    Row("listen-metrics-urls", URLS, ""),
    Row("logger", CHOICE, choices="zap capnslog!3.5"),  # capnslog in 3.4, zap from 3.5 on
    Row("log-outputs", LIST, "default"),
    Row("log-level", CHOICE, "info", choices="debug info warn error dpanic panic fatal"),
    Row("log-format", CHOICE, "json", since="3.6.0", choices="json console"),
    Row("enable-log-rotation", BOOL, "false", since="3.5.0"),
    Row("log-rotation-config-json", JSON, ROTATION, since="3.5.0"),
    Row("warning-unary-request-duration", DURATION, "300ms", since="3.6.0"),
    Row("warning-apply-duration", DURATION, "100ms", since="3.6.0"),
    Row("enable-distributed-tracing", BOOL, "false", since="3.6.0"),
    Row("distributed-tracing-address", TEXT, "localhost:4317", since="3.6.0"),
    Row("distributed-tracing-service-name", TEXT, "etcd", since="3.6.0"),
    Row("distributed-tracing-instance-id", TEXT, "", since="3.6.0"),
    Row("distributed-tracing-sampling-rate", INT, "0", since="3.6.0", limits=(0, 1_000_000)),
    Row("log-output", LIST, until="3.5", renamed="log-outputs"),
    Row("debug", BOOL, "false", until="3.5"),
    Row("log-package-levels", TEXT, "", until="3.5"),
)

FEATURES = (
    Row("corrupt-check-time", DURATION, "0s", since="3.6.0"),
    Row("compact-hash-check-time", DURATION, "1m", since="3.6.0"),
    Row("compaction-batch-limit", INT, "1000", since="3.6.0", limits=(1, None)),
    Row("compaction-sleep-interval", DURATION, since="3.6.0"),
    Row("watch-progress-notify-interval", DURATION, "10m", since="3.6.0"),
    Row("bootstrap-defrag-threshold-megabytes", MEGABYTES, since="3.6.0"),
    Row("max-learners", INT, "1", since="3.6.0", limits=(1, None)),
    Row("downgrade-check-time", DURATION, since="3.6.0"),
    Row("snapshot-catchup-entries", UINT, since="3.6.0"),
    Row("next-cluster-version-compatible", BOOL, since="3.4.31", until="3.5"),  # for going back from 3.5
    Row("proxy", CHOICE, "off", until="3.6", choices="off readonly on", owned=True),
    Row("proxy-failure-wait", MILLISECONDS, "5000", until="3.6"),
    Row("proxy-refresh-interval", MILLISECONDS, "30000", until="3.6"),
    Row("proxy-dial-timeout", MILLISECONDS, "1000", until="3.6"),
    Row("proxy-write-timeout", MILLISECONDS, "5000", until="3.6"),
    Row("proxy-read-timeout", MILLISECONDS, "0", until="3.6"),
)


def _experimental(name: str, kind: Kind, default: str | None = None, *, since: str = "", gate: str = "") -> Option:
    """What was `experimental-NAME` is plain NAME or a feature gate since 3.6, and 3.7 takes only the new one."""
    old, new = f"experimental-{name}", "feature-gates" if gate else name
    limits = (1, None) if name == "compaction-batch-limit" else None
    return Option(old, kind, default, since=since, until="3.7", renamed=new, gate=gate, limits=limits)


EXPERIMENTAL = (
    Row("experimental-enable-v2v3", TEXT, "", until="3.6"),
    Row("experimental-backend-bbolt-freelist-type", CHOICE, "array", until="3.5", choices="array map",
        renamed="backend-bbolt-freelist-type"),
    _experimental("initial-corrupt-check", BOOL, "false", gate="InitialCorruptCheck"),
    _experimental("compact-hash-check-enabled", BOOL, "false", since="3.5.5", gate="CompactHashCheck"),
    _experimental("enable-lease-checkpoint", BOOL, "false", gate="LeaseCheckpoint"),
    _experimental("enable-lease-checkpoint-persist", BOOL, "false", since="3.4.20 3.5.2", gate="LeaseCheckpointPersist"),
    _experimental("txn-mode-write-with-shared-buffer", BOOL, "true", since="3.5.0", gate="TxnModeWriteWithSharedBuffer"),
    _experimental("stop-grpc-service-on-defrag", BOOL, since="3.5.14", gate="StopGRPCServiceOnDefrag"),
    _experimental("corrupt-check-time", DURATION, "0s"),
    _experimental("compact-hash-check-time", DURATION, "1m", since="3.5.5"),
    _experimental("compaction-batch-limit", INT, "1000"),
    _experimental("compaction-sleep-interval", DURATION, since="3.5.16"),
    _experimental("peer-skip-client-san-verification", BOOL, "false"),
    _experimental("watch-progress-notify-interval", DURATION, "10m", since="3.4.11 3.5.0"),
    _experimental("warning-apply-duration", DURATION, "100ms", since="3.4.16 3.5.0"),
    _experimental("warning-unary-request-duration", DURATION, "300ms", since="3.6.0"),
    _experimental("bootstrap-defrag-threshold-megabytes", MEGABYTES, since="3.5.0"),
    _experimental("downgrade-check-time", DURATION, since="3.5.0"),
    _experimental("memory-mlock", BOOL, since="3.5.0"),
    _experimental("snapshot-catchup-entries", UINT, since="3.5.14"),
    _experimental("enable-distributed-tracing", BOOL, "false", since="3.5.0"),
    _experimental("distributed-tracing-address", TEXT, "localhost:4317", since="3.5.0"),
    _experimental("distributed-tracing-service-name", TEXT, "etcd", since="3.5.0"),
    _experimental("distributed-tracing-instance-id", TEXT, "", since="3.5.0"),
    _experimental("distributed-tracing-sampling-rate", INT, "0", since="3.5.11"),
)
# fmt: on

OPTIONS: tuple[Option, ...] = MEMBER + CLUSTERING + SECURITY + WATCHING + FEATURES + EXPERIMENTAL

# Feature gates, as `since` has it.
GATE_RELEASES = {
    "AllAlpha": "3.6.0",
    "AllBeta": "3.6.0",
    "CompactHashCheck": "3.6.0",
    "InitialCorruptCheck": "3.6.0",
    "LeaseCheckpoint": "3.6.0",
    "LeaseCheckpointPersist": "3.6.0",
    "SetMemberLocalAddr": "3.6.0",
    "StopGRPCServiceOnDefrag": "3.6.0",
    "TxnModeWriteWithSharedBuffer": "3.6.0",
    "FastLeaseKeepAlive": "3.7.0",
    "PriorityRequest": "3.7.0",
}


def is_since(since: str, version: Version) -> bool:
    """Whether a release is among "3.4.20 3.5.5": not 3.4.19, not 3.5.4, and all of 3.6; empty is every release."""
    starts = [Version.parse(text) for text in since.split()]
    for start in starts:
        if start.line == version.line:
            return version >= start
    return not starts or any(start.line < version.line for start in starts)
