"""Three real hosts are restarted, given another option, and taken from 3.4.23 to 3.5.30, under 200 writes a second: what a
writer sees and how long it takes, beside the same done by hand. Needs root on Linux (the lab).

    python -m bench.rolling_hosts [--rounds 3] [--only restart|option|upgrade]

Open loop: writes start on schedule whatever happens; each attempt has one second and is then repeated at the next member.
By hand: over ssh and one host after the other, `systemctl restart`, then etcdctl until that member is healthy; nobody is
asked to hand over. For the upgrade the new programs are sent before, and the link is switched.

Exit 1 where a budget is missed: 1.2 times the time by hand, no gap over 0.1 s, no write repeated twice, two repeats for a
restarted member and one for a change of leader, one change of leader in all.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.testing.load import Beside
from lab import Lab
from lab.host import Host
from tests.etcd_versions import all_versions
from tests.hosts.site import Site

RATE = 200.0
OLD, NEW = "3.4.23", "3.5.30"
BUDGET_RATIO, BUDGET_GAP = 1.2, 0.1


@dataclass(frozen=True)
class Seen:
    seconds: float
    gap: float  # seconds
    repeats: int
    most_of_one: int
    changes: int  # of leader
    lost: int


def etcd(version: str) -> Path:
    return next(each.directory for each in all_versions() if each.version == version)


def measured(site: Site, roll: Callable[[Site], None], folder: Path) -> Seen:
    urls = [f"https://{host.address}:2379" for host in site.lab.hosts]
    folder.mkdir(parents=True)
    beside = Beside(urls, folder / "load.json", keys=site.state, rate=RATE)
    beside.begin(site.lab.start)
    term = max_term(site)
    began = time.monotonic()
    try:
        roll(site)
        seconds = time.monotonic() - began
        changes = max_term(site) - term
        time.sleep(0.5)  # what was begun before the end is answered
        seen = beside.end()
    finally:
        beside.kill()
    lost = len(seen["lost"]) + seen["given_up"] + len(seen["not_watched"]) + len(seen["watched_twice"])
    return Seen(seconds, seen["longest_gap"], seen["repeats"], seen["most_repeats_of_one"], changes, lost)


def max_term(site: Site) -> int:
    return max(row["raft_term"] or 0 for row in site.says("status")["members"])


def restarted(site: Site) -> None:
    site.run("restart", "--yes")


def optioned(site: Site) -> None:
    text = site.file.read_text()
    here = "max-txn-ops: 256"
    site.write(text.replace(here, "max-txn-ops: 512") if here in text else text.replace("max-txn-ops: 512", here))
    site.apply()


def upgraded(site: Site) -> None:
    site.run("upgrade", NEW, "--etcd-dir", str(etcd(NEW)), "--yes")


def by_hand(script: str) -> Callable[[Site], None]:
    def roll(site: Site) -> None:
        for host in site.lab.hosts:
            over_ssh(site, host, script)
            until_healthy(site, host)

    return roll


OPTION = "sed -i '/MAX_TXN_OPS/d' /etc/etcd/etcd.env; echo ETCD_MAX_TXN_OPS=384 >>/etc/etcd/etcd.env; "
RESTART = "systemctl restart etcd"
LIBRARY = f"/usr/local/lib/etcdpilot/etcd-{NEW}"


def upgraded_by_hand(site: Site) -> None:
    for host in site.lab.hosts:
        receive = f"mkdir -p {LIBRARY} && tar -x -C {LIBRARY}"
        ssh = " ".join(site.lab.ssh_argv(host, f"'{receive}'"))
        site.lab.controller(["sh", "-c", f"tar -c -C {etcd(NEW)} etcd etcdctl etcdutl | {ssh}"])
    switch = f"ln -sfn {LIBRARY}/etcd /usr/local/bin/etcd.new && mv -T /usr/local/bin/etcd.new /usr/local/bin/etcd; "
    # Its option `logger` is the default of the new release, and its unit is as good.
    by_hand(switch + RESTART)(site)


def over_ssh(site: Site, host: Host, script: str) -> None:
    site.lab.controller(site.lab.ssh_argv(host, script)[4:])


def until_healthy(site: Site, host: Host) -> None:
    keys = {"CACERT": "ca.crt", "CERT": "client.crt", "KEY": "client.key"}
    env = {f"ETCDCTL_{name}": str(site.state / file) for name, file in keys.items()} | {"ETCDCTL_API": "3"}
    command = [etcd(NEW) / "etcdctl", "--endpoints", f"https://{host.address}:2379", "endpoint", "health"]
    while site.lab.controller(command, check=False, env=env).returncode:
        time.sleep(0.05)


WAYS: dict[str, tuple[Callable[[Site], None], Callable[[Site], None]]] = {
    "restart": (restarted, by_hand(RESTART)),
    "option": (optioned, by_hand(OPTION + RESTART)),
    "upgrade": (upgraded, upgraded_by_hand),
}


def built(lab: Lab, folder: Path) -> Site:
    lab.clean(3)
    site = Site(lab, folder)
    site.init(etcd=OLD)
    site.write(re.sub(r"  options:\n(?=    )", "  options:\n    max-txn-ops: 512\n", site.file.read_text()))
    site.apply()
    return site


def main() -> int:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--rounds", type=int, default=3)
    said.add_argument("--only", choices=tuple(WAYS))
    wish = said.parse_args()
    kept = []
    with Lab.up(3, purpose="rolling") as lab, tempfile.TemporaryDirectory() as scratch:
        for name, (ours, hand) in WAYS.items():
            if wish.only in (None, name):
                kept.append(compared(name, lab, Path(scratch) / name, ours, hand, wish.rounds))
    return 0 if all(kept) else 1


def compared(
    name: str, lab: Lab, folder: Path, ours: Callable[[Site], None], hand: Callable[[Site], None], rounds: int
) -> bool:
    found: dict[str, list[Seen]] = {"etcdpilot": [], "by hand": []}
    for turn in range(rounds):
        for who, roll in (("etcdpilot", ours), ("by hand", hand)):
            site = built(lab, folder / f"{who}-{turn}".replace(" ", "-"))
            found[who].append(measured(site, roll, folder / f"load-{who}-{turn}".replace(" ", "-")))
            print(f"  {name}, {who}: {found[who][-1]}, load {os.getloadavg()[0]:.1f}", flush=True)
    mine, theirs = (statistics.median(each.seconds for each in runs) for runs in found.values())
    worst = found["etcdpilot"]
    missed = [
        *([f"{mine / theirs:.2f} times the time by hand"] if mine / theirs > BUDGET_RATIO else []),
        *(["a gap over 0.1 s"] if max(each.gap for each in worst) > BUDGET_GAP else []),
        *(["a write repeated twice"] if max(each.most_of_one for each in worst) > 1 else []),
        *(["too many repeats"] if any(each.repeats > 2 * 3 + each.changes for each in worst) else []),
        *(["more than one change of leader"] if max(each.changes for each in worst) > 1 else []),
        *(["a write lost"] if any(each.lost for each in worst) else []),
    ]
    print(
        f"{name}: {mine:.2f} s, by hand {theirs:.2f} s = {mine / theirs:.2f}x (budget {BUDGET_RATIO}x); "
        f"longest gap {max(each.gap for each in worst) * 1000:.0f} ms, "
        f"by hand {max(each.gap for each in found['by hand']) * 1000:.0f} ms"
        + (f"; MISSED: {', '.join(missed)}" if missed else "")
    )
    return not missed


if __name__ == "__main__":
    sys.exit(main())
