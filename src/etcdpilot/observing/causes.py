"""What etcd's last words mean. Each pattern was seen from a real etcd 3.4 to 3.7; the sentence is for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

TRIES_AGAIN = "it tries again"  # ends a cause that passes by itself
SILENT_SERVICE = f"the discovery service does not answer; {TRIES_AGAIN}"
UNTRUSTED_SERVICE = (
    f"it does not trust the discovery service, for which the system's authorities alone count; {TRIES_AGAIN}"
)
ALREADY_REGISTERED = (
    "it is under its discovery token already, and has no data; run `etcdpilot apply` again, which lists the members"
)

REFUSED = "a peer or client was refused"  # begins a cause that hides another one

CAUSES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"discovery server.*(?:x509|tls): ", UNTRUSTED_SERVICE),
        (r"failed to get from discovery server|error connecting to \S+?, retrying", SILENT_SERVICE),
        (r"failed to get cluster size from discovery service", SILENT_SERVICE),
        (r"bind: address already in use", "its port is taken by another program: {0}"),
        (r"listen tcp (\S+): bind: cannot assign requested address", "the address {1} is not one of this host"),
        (r"x509: certificate is valid for (.+?), not ([^\s\"]+)", "a certificate names {1} and not {2}"),
        (r"certificate has expired or is not yet valid", "a certificate has expired or is not valid yet"),
        (r"certificate signed by unknown authority", "a peer shows a certificate of another authority"),
        (r"private key does not match public key", "its key does not belong to its certificate"),
        (r"tls: failed to find any PEM data", "a file of its certificates or keys holds none"),
        (
            r"remote error: tls: (?:bad|unknown) certificate",
            f"{REFUSED}: the other end does not accept its certificate",
        ),
        (r"no space left on device", "its disk is full"),
        (r"permission denied", "it may not read or write one of its files: {0}"),
        (r"expected IP in URL for binding \((.+?)\)", "{1} cannot be listened on: it is a name, not an address"),
        (r"member count is unequal", "its list of members is not the cluster's"),
        (r"discovery: size key (?:is bad|not found)", "its discovery token has no proper size; make a new token"),
        (r"100: Key not found", "the discovery service does not know its token; make a new one"),
        (r"discovery: found duplicate id|has previously registered with discovery", ALREADY_REGISTERED),
        (r"found duplicate name|member with duplicated name", "two members of one name are under its discovery token"),
        (
            r"discovery: cluster is full|cluster is full",
            "the cluster of its discovery token is full; add it as a member",
        ),
        (r"bad discovery endpoint", "what its discovery URL leads to is no discovery service"),
        (r"cannot find local etcd member \\?\"(\S+?)\\?\" in SRV", "no SRV record leads to {1}: etcdpilot dns check"),
        (r"error querying DNS SRV records for (\S+)", "there is no SRV record {1}: etcdpilot dns check"),
        (r"scheme mismatch with expected peer", "an SRV record has the wrong scheme: etcdpilot dns check"),
        (r"(?:has already been bootstrapped)", "the cluster knows it already, and its data is gone"),
        (r"couldn't find local name \"(.+?)\"", "{1} is not in its initial cluster"),
        (r"--initial-cluster has (.+?) but missing from --initial-advertise-peer-urls", "its peer URLs disagree: {1}"),
        (r"cluster ID mismatch", "it holds the data of another cluster"),
        (r"invalid value \\?\"(.+?)\\?\" for (\S+?):", "{1} is no value of {2}"),
        (r"rejected connection", f"{REFUSED}: {{0}}"),
        (r"flag provided but not defined: -+(\S+)", "this etcd has no option {1}"),
        (r"conflicting environment variable \"(\S+)\"", "{1} is set in the environment and as a flag"),
        (r"permanently removed from the cluster", "it was removed from the cluster"),
        (r"incompatible with current running cluster", "its version does not fit the cluster's"),
        (r"lookup (\S+).*(?:no such host|server misbehaving)", "the name {1} does not resolve"),
        (r"too many open files|file descriptor limit", "it may open too few files"),
        (r"tocommit\(", "its data is behind what it had acknowledged; replace it"),
        (r"walpb: crc mismatch|invalid database|cannot use none as id", "its data is damaged; replace it"),
        (r"etcdpilot guard: (.+)", "{1}"),
    )
)


SYSTEMD = re.compile(r"(Starting|Started|Stopping|Stopped|Failed to start) |\S+\.service: |See user logs")


def etcds_own(lines: Iterable[str]) -> list[str]:
    """Without what systemd says of the unit: that it failed is known, why stands in etcd's own lines."""
    return [line for line in lines if line.strip() and not SYSTEMD.match(line)]


def cause_in(lines: Iterable[str]) -> str:
    """The last telling line, as a sentence without its full stop; empty when none is known."""
    for line in reversed(list(lines)):
        said = words_of(line)
        for pattern, sentence in CAUSES:
            if found := pattern.search(said):
                return sentence.format(said, *found.groups())
    return ""


def hides_another(cause: str) -> bool:
    """Whether the log says that a handshake failed, and not why: certificates and neighbours may tell more."""
    return cause.startswith(REFUSED)


def passes(cause: str) -> bool:
    """Whether the member waits for somebody else, and goes on by itself once that one is there."""
    return cause.endswith(TRIES_AGAIN)


def words_of(line: str) -> str:
    """etcd logs JSON from 3.5 on; its message and error are what matters."""
    try:
        entry = json.loads(line[line.index("{") :])
    except ValueError:
        return line
    if not isinstance(entry, dict):
        return line
    return ": ".join(str(entry[key]) for key in ("msg", "error") if entry.get(key)) or line
