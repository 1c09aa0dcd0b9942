"""Three bare hosts to a cluster that answers: etcdpilot beside the raw way, in one run. Needs root on Linux (the lab).

The raw way is what nobody could beat by hand: certificates, units and env files ready beforehand, then for all hosts at
once one `tar | ssh` with everything and `systemctl enable --now` behind it, and a wait until every member answers a true
read. etcdpilot makes the certificates itself, looks first, takes a lock, and notes what it does.

Then once more over cables that hold everything for 25 ms in each direction: a round trip between any two machines takes 50.

    python -m bench.apply [--rounds 5] [--round-trip 50] [--ansible ANSIBLE_PLAYBOOK]

Exit 1 where a budget is missed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab import Lab
from lab.host import Host
from tests.hosts.site import ETCD, Site

BUDGET_RATIO, BUDGET_AGAIN, BUDGET_SLOW = 1.5, 0.7, 5.0


def main() -> int:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--rounds", type=int, default=5)
    said.add_argument("--round-trip", type=float, default=50, help="milliseconds; 0 leaves that out")
    said.add_argument("--ansible", default="", help="an ansible-playbook to measure beside it")
    wish = said.parse_args()
    with Lab.up(3, purpose="bench") as lab, tempfile.TemporaryDirectory() as scratch:
        payloads = ready_payloads(lab, Path(scratch) / "ready")
        raw, ours, again = in_turns(lab, Path(scratch) / "fast", payloads, wish.rounds)
        kept = [ours / raw <= BUDGET_RATIO, again <= BUDGET_AGAIN]
        print(f"medians: raw {raw:.2f} s   apply {ours:.2f} s = {ours / raw:.2f}x (budget {BUDGET_RATIO}x)")
        print(f"         again {again:.2f} s (budget {BUDGET_AGAIN} s)")
        if wish.round_trip:
            raw, ours, again = in_turns(
                lab, Path(scratch) / "slow", payloads, (wish.rounds + 1) // 2, wish.round_trip / 2
            )
            kept.append(ours <= BUDGET_SLOW)
            print(
                f"with {wish.round_trip:g} ms a round trip: raw {raw:.2f} s   apply {ours:.2f} s (budget {BUDGET_SLOW} s)"
            )
            print(f"         again {again:.2f} s")
        if wish.ansible:
            measure_ansible(lab, Path(scratch), payloads, wish.ansible)
        return 0 if all(kept) else 1


def in_turns(
    lab: Lab, folder: Path, payloads: list[Path], rounds: int, latency: float = 0
) -> tuple[float, float, float]:
    """Medians of the raw way, of `apply`, and of another `apply`, all on clean hosts with cables so slow."""
    raw, ours, again = [], [], []
    for number in range(rounds):
        load = os.getloadavg()[0]
        lab.clean(3)
        lab.latency(latency)
        raw.append(timed(lambda: raw_build(lab, payloads)))
        require_answers(lab, payloads)
        lab.clean(3)
        site = Site(lab, folder / f"site-{number}").init()
        lab.latency(latency)
        ours.append(timed(site.apply))
        again.append(timed(site.apply))
        print(
            f"round {number + 1}: raw {raw[-1]:.2f} s   apply {ours[-1]:.2f} s   again {again[-1]:.2f} s   load {load:.1f}"
        )
    lab.heal()
    return statistics.median(raw), statistics.median(ours), statistics.median(again)


def timed(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def ready_payloads(lab: Lab, folder: Path) -> list[Path]:
    """For each host a folder laid out as its root: what an apply put there, taken back once and used for every round."""
    site = Site(lab, folder / "site").init()
    site.apply()
    found = []
    for host in lab.hosts:
        root = folder / host.name
        for path in ("etc/etcd", "usr/local/lib/etcdpilot", "etc/systemd/system/etcd.service"):
            source, target = host.root / path, root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
        env = root / "etc/etcd/etcd.env"
        env.write_text(env.read_text().replace('STATE="existing"', 'STATE="new"'))
        (root / "etc/etcd/etcdpilot.json").unlink()
        shutil.copytree(site.state, root / "state")
        found.append(root)
    return found


SCRIPT = f"""
set -e
systemd-sysusers --inline 'u etcd - "etcd" /'
tar -x -C /
chown -R etcd: /etc/etcd/tls
for name in etcd etcdctl etcdutl; do ln -s /usr/local/lib/etcdpilot/etcd-{ETCD}/$name /usr/local/bin/$name; done
install -d -m 0700 -o etcd /var/lib/etcd
systemctl daemon-reload
systemctl enable --quiet etcd
systemctl start etcd
"""


def raw_build(lab: Lab, payloads: list[Path]) -> None:
    pipes = []
    for host, root in zip(lab.hosts, payloads, strict=True):
        tar = subprocess.Popen(["tar", "-C", str(root), "-c", "etc", "usr"], stdout=subprocess.PIPE)
        argv = lab.ssh_argv(host, SCRIPT)
        pipes.append(subprocess.Popen(argv, stdin=tar.stdout, env=lab.environment()))
        assert tar.stdout is not None
        tar.stdout.close()
    if any(pipe.wait() for pipe in pipes):
        raise SystemExit("the raw way failed")
    # Its start returned once each member was ready: systemd was told by etcd itself.


def require_answers(lab: Lab, payloads: list[Path]) -> None:
    state = payloads[0] / "state"
    endpoints = ",".join(f"https://{host.address}:2379" for host in lab.hosts)
    tls = [f"--cacert={state}/ca.crt", f"--cert={state}/client.crt", f"--key={state}/client.key"]
    assert ETCD is not None
    lab.controller([ETCD.directory / "etcdctl", f"--endpoints={endpoints}", *tls, "endpoint", "health"])


def measure_ansible(lab: Lab, folder: Path, payloads: list[Path], command: str) -> None:
    """The playbook beside this file, with its certificates ready like those of the raw way; a second run after it."""
    here = Path(__file__).parent / "ansible"
    inventory = folder / "inventory.ini"
    names = zip(lab.hosts, payloads, strict=True)
    lines = "".join(f"{host.name} ansible_host={host.address} payload={root}\n" for host, root in names)
    inventory.write_text(f"[etcd]\n{lines}")
    lab.clean(3)
    for host in lab.hosts:
        give_python(host)
    config = f"-F {lab.home}/.ssh/config -o ControlMaster=auto -o ControlPersist=60s"
    argv: list[str | Path] = [
        *shlex.split(command),
        "-i",
        inventory,
        "-f",
        "10",
        "-u",
        "root",
        f"--ssh-common-args={config}",
    ]
    argv += ["-e", f"version={ETCD}", here / "etcd.yaml"]
    environment = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_PYTHON_INTERPRETER": "auto_silent"}
    for what in ("first run", "second run"):
        took = timed(lambda: lab.controller(argv, env=environment, timeout=300))
        print(f"ansible, {what}: {took:.2f} s")


def give_python(host: Host) -> None:
    """What Ansible needs of a host and etcdpilot does not; this machine's own, which is of the same suite. Not timed."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    libraries = [
        path
        for name in ("expat", "ffi", "ssl", "crypto", "z", "lzma", "bz2", "uuid")
        for path in Path("/usr/lib").glob(f"*-linux-gnu/lib{name}.so*")
    ]
    paths = [Path("/usr/bin/python3"), Path("/usr/bin") / version, Path("/usr/lib") / version, *libraries]
    argv = ["tar", "-C", "/", "-c", "--exclude=dist-packages", "--exclude=test", *(str(path)[1:] for path in paths)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as tar:
        subprocess.run(host.shell_argv(["tar", "-x", "--skip-old-files", "-C", "/"]), stdin=tar.stdout, check=True)


if __name__ == "__main__":
    sys.exit(main())
