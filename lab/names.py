"""DNS for a run: a real dnsmasq on the switch, so that names, SRV and TXT records are looked up and not patched in."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from lab.commands import LabError
from lab.network import BRIDGE, DNS_ADDRESS, switch_namespace


@dataclass(frozen=True, slots=True)
class Address:
    """A or AAAA. `reverse` adds the PTR, which changes how etcd judges a peer's certificate."""

    name: str
    address: str
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """SRV, such as `_etcd-server-ssl._tcp.example.test`."""

    name: str
    target: str
    port: int
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """TXT."""

    name: str
    text: str


Record = Address | Service | Text


def serve(prefix: str, folder: Path, records: Iterable[Record]) -> None:
    """Answers with these records and nothing else, in place of what was served before; unknown names do not exist."""
    stop_serving(folder)
    argv = ["ip", "netns", "exec", switch_namespace(prefix), "dnsmasq", *_OPTIONS, f"--pid-file={_pid_file(folder)}"]
    done = subprocess.run([*argv, *map(_option, records)], capture_output=True, text=True, check=False)
    if done.returncode != 0:  # it goes to the background only once it listens
        raise LabError(f"dnsmasq ended with {done.returncode}: {done.stderr.strip()}")


def answers() -> bool:
    """Whether the server answers a question within a second, from the namespace this thread is in."""
    try:
        dns.query.udp(dns.message.make_query("localhost.", "A"), DNS_ADDRESS, timeout=1)
    except (dns.exception.DNSException, OSError):
        return False
    return True


def stop_serving(folder: Path) -> None:
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int(_pid_file(folder).read_text(encoding="ascii"))
        _pid_file(folder).unlink()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}/fd/0").exists() and time.monotonic() < deadline:
            time.sleep(0.005)


def freeze(folder: Path) -> None:
    """The server listens and does not answer."""
    os.kill(int(_pid_file(folder).read_text(encoding="ascii")), signal.SIGSTOP)


_OPTIONS = (
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--local=/#/",
    "--user=root",
    "--bind-interfaces",
    f"--interface={BRIDGE}",
    f"--listen-address={DNS_ADDRESS}",
    "--local-ttl=0",
)


def _option(record: Record) -> str:
    match record:
        case Address(name, address, reverse=True):
            return f"--host-record={name},{address}"
        case Address(name, address):
            return f"--address=/{name}/{address}"
        case Service(name, target, port, priority, weight):
            return f"--srv-host={name},{target},{port},{priority},{weight}"
        case Text(name, text):
            return f'--txt-record={name},"{text}"'


def _pid_file(folder: Path) -> Path:
    return folder / "dnsmasq.pid"
