"""The base image that all hosts share as the lower layer of their overlay: a minimal distribution, built once.

It has sh, coreutils, tar, sudo and sshd, and neither curl, rsync nor Python: what the product needs of a host is what
it finds here. Three users log in with the run's key: `root`, `admin` (sudo without a password) and `clerk` (sudo
asks for a password, so `sudo -n` must fail with a clear word).
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.commands import LabError, run

PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "ca-certificates", "sudo")

# user: home, relative to the root
USERS = {"root": "root", "admin": "home/admin", "clerk": "home/clerk"}

# Nobody reads a console here, and a lab host has no disks to scrub nor packages to upgrade; without these a boot
# takes half the time.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "ldconfig.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
)

SETUP = f"""
set -eu
rm -f /etc/ssh/ssh_host_* /etc/apt/sources.list /etc/machine-id /etc/hostname
rm -rf /etc/apt/sources.list.d/* /var/cache/apt /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale
mkdir -p /var/cache/apt/archives/partial
useradd --create-home --shell /bin/sh --uid 1000 admin
useradd --create-home --shell /bin/sh --uid 1001 clerk
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
echo 'clerk ALL=(ALL) ALL' > /etc/sudoers.d/clerk
chmod 0440 /etc/sudoers.d/*
for home in /root /home/admin /home/clerk; do mkdir -p -m 0700 $home/.ssh; chown --reference=$home $home/.ssh; done
printf '127.0.0.1 localhost\\n::1 localhost\\n' > /etc/hosts
: > /etc/resolv.conf
cat > /etc/ssh/sshd_config.d/lab.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
END
for unit in {" ".join(MASKED)}; do ln -sf /dev/null /etc/systemd/system/$unit; done
systemctl enable --quiet ssh.service
"""


def cache_folder() -> Path:
    """Where built things are kept between runs, outside the repository."""
    return Path(os.environ.get("ETCDPILOT_LAB_CACHE") or Path.home() / ".cache" / "etcdpilot-lab")


def base_folder() -> Path:
    """The base image of exactly this recipe and this machine's suite; it need not exist yet."""
    recipe = "\0".join((*PACKAGES, SETUP, _suite(), platform.machine()))
    return cache_folder() / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def build_base() -> Path:
    """Builds the image beside its place and renames it, so that a half-built one is never used."""
    base = base_folder()
    if base.is_dir():
        return base
    base.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=base.parent))
    try:
        building.chmod(0o755)
        _debootstrap(building)
        run(["chroot", str(building), "/bin/sh"], stdin=SETUP)
        building.rename(base)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return base


def _debootstrap(target: Path) -> None:
    origin = _own_origin()
    argv = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    argv += [f"--components={','.join(origin.components)}"]
    run([*argv, origin.suite, str(target), origin.site], timeout=1800)


@dataclass(frozen=True, slots=True)
class _Origin:
    site: str
    suite: str
    components: tuple[str, ...]


def _own_origin() -> _Origin:
    """Where this machine gets its own packages from; no address of a mirror stands in any file of ours."""
    wanted = "$(SITE) $(RELEASE) $(COMPONENT)"
    listed = run(["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"])
    ours = [fields for fields in map(str.split, listed.splitlines()) if len(fields) == 3 and fields[1] == _suite()]
    if not ours:
        raise LabError(f"apt on this machine has no source for its own suite {_suite()!r}")
    site, suite = ours[0][0], ours[0][1]
    components = tuple(dict.fromkeys(t[2] for t in ours if t[0] == site))
    return _Origin(site, suite, components)


def _suite() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
