"""A lab: the hosts of one run, the network between them, and the place of the controller that the product runs in."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab import keys, latency, ledger, names, network, partitions
from lab.commands import LabError
from lab.host import Host
from lab.machine import Machine
from lab.network import CONTROLLER, Node, node_of
from lab.readiness import why_not


class Lab:
    """Clean hosts `h1` … `hN`, reachable from the controller's namespace alone.

    `hosts` are those in use; `clean` sets how many. Every method that takes node names knows `ctl` too."""

    def __init__(self, record: ledger.Run) -> None:
        self._record = record
        self._all = [Host(Machine(record, node_of(name))) for name in record.hosts]
        self._visited: list[tuple[str, str]] = []  # hosts and their second addresses

    # Up and down

    @classmethod
    def up(cls, count: int = 3, *, owner: int | None = None, purpose: str = "tests") -> Lab:
        """A new run with so many booted hosts, cleared away when the process `owner` (this one) is gone."""
        if (reason := why_not()) is not None:
            raise LabError(reason)
        ledger.clear_leftovers()
        lab = cls(ledger.new_run(ledger.Owner.of(owner or os.getpid()), purpose))
        try:
            network.build_switch(lab.prefix)
            lab.clean(count)
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def existing(cls, record: ledger.Run) -> Lab:
        """A run that another process started."""
        return cls(record)

    def down(self) -> None:
        """Removes everything that this run made."""
        for host in self._all:
            host.stop_injecting()
        ledger.demolish(self._record)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def clean(self, count: int | None = None) -> None:
        """Exactly so many hosts (as many as now) are on and clean, the network is whole, the controller's home is new.

        Hosts beyond that number are off and empty."""
        count = len(self.hosts) if count is None else count
        self.heal()
        names.stop_serving(self.folder)
        self._add_up_to(count)
        self._new_home(())
        used, unused = self._all[:count], self._all[count:]
        _all_at_once(unused, Host.become_empty)
        _all_at_once(used, _boot_clean)

    def power_cut_all(self) -> None:
        """Every host dies at once."""
        _all_at_once(self.hosts, Host.power_cut)

    def power_on_all(self) -> None:
        """Every host boots what is on its disk; returns once all answer."""
        _all_at_once(self.hosts, Host.power_on)

    # Who is there

    @property
    def prefix(self) -> str:
        return self._record.prefix

    @property
    def folder(self) -> Path:
        return self._record.folder

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts in use, running or not: those that have a root to boot from."""
        return tuple(host for host in self._all if host.installed)

    @property
    def all_hosts(self) -> tuple[Host, ...]:
        """Those of a smaller use too: every host that this lab ever had."""
        return tuple(self._all)

    def host(self, name: str) -> Host:
        for host in self._all:
            if host.name == name:
                return host
        raise LabError(f"no host {name!r}: there are {', '.join(host.name for host in self._all)}")

    # The controller's side

    @property
    def home(self) -> Path:
        """The controller's home: .ssh with key, known_hosts and config; new whenever the hosts are clean."""
        return self.folder / "home"

    def environment(self, **more: str) -> dict[str, str]:
        """This process's environment with the controller's home, without what would lead to other clusters or keys."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        return {**kept, "HOME": str(self.home), **more}

    def controller(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float = 110,
        env: Mapping[str, str] | None = None,
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command where the hosts can be reached, as a user would; `more` goes to `subprocess.run`.

        Raises LabError with its whole output when it fails and `check` is not False."""
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **more}
        if "input" in more:
            del options["stdin"]
        command = self.controller_argv(argv)
        done = subprocess.run(command, env=self.environment(**(env or {})), timeout=timeout, check=False, **options)
        if check and done.returncode != 0:
            raise LabError(f"`{' '.join(map(str, argv))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def start(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, **more: Any
    ) -> subprocess.Popen[Any]:
        """Starts a command in the controller's place; the pid is the command's own, so it can be killed midway."""
        options = {"stdin": subprocess.DEVNULL, **more}
        return subprocess.Popen(self.controller_argv(argv), env=self.environment(**(env or {})), **options)

    def controller_argv(self, argv: Sequence[str | Path]) -> list[str]:
        return ["ip", "netns", "exec", CONTROLLER.namespace(self.prefix), *map(str, argv)]

    def inside_controller(self) -> AbstractContextManager[None]:
        """Moves this thread into the controller's network, for connections made in-process; see network.inside."""
        return network.inside(CONTROLLER.namespace(self.prefix))

    def inside_host(self, name: str) -> AbstractContextManager[None]:
        """Moves this thread into a host's network: its loopback, its addresses."""
        return network.inside(node_of(name).namespace(self.prefix))

    def connect(self, address: str, port: int, timeout: float = 5) -> socket.socket:
        """A TCP connection from the controller; it stays usable anywhere in this process."""
        with self.inside_controller():
            return socket.create_connection((address, port), timeout=timeout)

    def ssh_argv(
        self, host: Host | str, *command: str, user: str = "root", port: int = 22, ipv6: bool = False
    ) -> list[str]:
        """An OpenSSH command line to a host, to be run by any process of the box."""
        host = self.host(host) if isinstance(host, str) else host
        options = ["-F", str(self.home / ".ssh/config"), "-p", str(port)]
        address = host.address6 if ipv6 else host.address
        return self.controller_argv(["ssh", *options, f"{user}@{address}", *command])

    # Names

    def dns(self, records: Iterable[names.Record]) -> None:
        """Hosts and controller resolve these names, and no others; known_hosts knows them too. Again: replaces them."""
        records = tuple(records)
        names.serve(self.prefix, self.folder, records)
        known = {record.name: record.address for record in records if isinstance(record, names.Address)}
        (self.home / ".ssh/known_hosts").write_text(self._known_hosts(known), encoding="utf-8")
        resolver = f"nameserver {network.DNS_ADDRESS}\n"
        self._controller_files(resolver)
        for host in self.hosts:
            host.write_offline("etc/resolv.conf", resolver)
        with self.inside_controller():
            if not any(names.answers() for _ in range(5)):
                raise LabError(f"the name server at {network.DNS_ADDRESS} does not answer the controller")

    def also_at(self, host: Host, address: str) -> None:
        """A second address of a host, on its only interface; known_hosts knows it. It stays until `only_at_home`."""
        network.add_address(self.prefix, node_of(host.name), address)
        self._visited.append((host.name, address))
        (self.home / ".ssh/known_hosts").write_text(self._known_hosts({address: host.address}), encoding="utf-8")

    def only_at_home(self) -> None:
        """Hosts have no more than their own addresses."""
        while self._visited:
            name, address = self._visited.pop()
            network.drop_address(self.prefix, node_of(name), address)

    def freeze_dns(self) -> None:
        """Questions for names are swallowed: who asks waits for its own deadline. `dns` again ends it."""
        names.freeze(self.folder)

    # Faults between nodes

    def cut(self, source: str, target: str, *, both_ways: bool = True) -> None:
        """Frames from `source` to `target` vanish (and back, unless `both_ways` is false), in silence."""
        pairs = [(node_of(source), node_of(target))]
        if both_ways:
            pairs.append((node_of(target), node_of(source)))
        partitions.cut(self.prefix, pairs)

    def isolate(self, name: str, *, keep: Iterable[str] = ()) -> None:
        """Cuts a node from every other but those in `keep`; `keep=["ctl"]` leaves it to the controller."""
        for other in self._nodes():
            if other.name not in {name, *keep}:
                self.cut(name, other.name)

    def partition(self, *groups: Iterable[str]) -> None:
        """Nodes of different groups do not hear each other; nodes in no group hear everybody."""
        sides = [tuple(group) for group in groups]
        for index, side in enumerate(sides):
            for left in side:
                for right in (name for other in sides[index + 1 :] for name in other):
                    self.cut(left, right)

    def latency(self, milliseconds: float, *only: str) -> None:
        """What a node (each, or those named) sends arrives so much later: twice that for a round trip between two."""
        for node in self._nodes():
            if not only or node.name in only:
                latency.slow_down(self.prefix, self.folder, node, milliseconds)

    def loss(self, percent: float) -> None:
        """This share of all frames is lost, in each direction."""
        partitions.lose(self.prefix, percent)

    def heal(self) -> None:
        """The network as it was: no cuts, no loss, no latency, cables in, disks as fast as they are; names stay."""
        partitions.heal(self.prefix)
        for node in self._nodes():
            latency.speed_up(self.prefix, self.folder, node)
        for host in self._all:
            host.replug()
            host.stop_injecting()

    def behind(self, target: str, jump: str) -> None:
        """`target` is reached only through `jump`: the controller's packets to it vanish; its ssh config says so."""
        self.cut(CONTROLLER.name, target)
        through, to = self.host(jump), self.host(target)
        block = f"Host {to.address} {to.address6} {to.name}\n    ProxyJump root@{through.address}\n"
        config = self.home / ".ssh/config"
        config.write_text(block + config.read_text(encoding="utf-8"), encoding="utf-8")

    # Inside

    def _nodes(self) -> list[Node]:
        return [CONTROLLER, *(node_of(host.name) for host in self._all)]

    def _add_up_to(self, count: int) -> None:
        new = [node_of(f"h{number}") for number in range(len(self._all) + 1, count + 1)]
        if not new:
            return
        self._record = replace(self._record, hosts=(*self._record.hosts, *(node.name for node in new)))
        ledger.save(self._record)
        network.plug_in(self.prefix, new)
        keys.make_run_keys(self.folder / "keys", new)
        self._all += [Host(Machine(self._record, node)) for node in new]

    def _new_home(self, known: Iterable[tuple[str, str]]) -> None:
        keys.write_home(self.home, self.folder / "keys", self._known_hosts(dict(known)))
        self._controller_files("")

    def _known_hosts(self, known: Mapping[str, str]) -> str:
        return keys.known_hosts(self.folder / "keys", (node_of(host.name) for host in self._all), known)

    def _controller_files(self, resolver: str) -> None:
        """`ip netns exec` shows these in place of the box's own: no name of the outside world is known in there."""
        etc = Path("/etc/netns") / CONTROLLER.namespace(self.prefix)
        etc.mkdir(parents=True, exist_ok=True)
        (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
        (etc / "resolv.conf").write_text(resolver, encoding="ascii")


_NOT_INHERITED = ("ETCD", "SSH_", "XDG_", "PYTEST_")


def _boot_clean(host: Host) -> None:
    host.become_clean()
    host.power_on()


def _all_at_once(hosts: Sequence[Host], do: Callable[[Host], None]) -> None:
    if hosts:
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(do, hosts))
