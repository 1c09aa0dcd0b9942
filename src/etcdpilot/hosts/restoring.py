"""A member's data restored from a snapshot, beside its data directory first and in place by one rename.

etcd's own tool makes it: etcdutl, or etcdctl where there is none yet. What is ready stands in `<data>.restoring/ready`
with a mark that says which restore made it; in a data directory that is a disk of its own, in `member.restoring`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from etcdpilot.hosts.port import Restoration
from etcdpilot.hosts.write import MAKE_USER

PREPARE_SECONDS = 3600.0  # 8 GB over a slow line
PROGRAMS = ("etcdutl", "etcdctl")
LOG_BYTES = 64 << 20  # etcd lays out a log of this size
MARGIN = 16 << 20

BESIDE = r"""
beside() {
    if [ -d "$1" ] && [ "$(stat -c %d -- "$1")" != "$(stat -c %d -- "$1/..")" ]; then
        printf %s "$1/member.restoring"
    else
        printf %s "$1.restoring"
    fi
}
"""

# $1 the data directory, $2 the mark, $3 the snapshot's size, $4 the directory of the programs, $5 the user; then the
# flags of the tool. The snapshot is the input. A second script of the same, after a line that was lost, has a place of
# its own to work in: of two, one takes the place `ready`.
PREPARE = (
    MAKE_USER
    + BESIDE
    + rf"""
set -eu
umask 077
data=$1 mark=$2 size=$3 programs=$4 user=$5
shift 5
beside=$(beside "$data")
[ ! -e "$beside/ready/mark" ] || [ "$(cat -- "$beside/ready/mark")" != "$mark" ] || exit 0
tool=
for each in {" ".join(PROGRAMS)}; do
    [ -z "$tool" ] && [ -x "$programs/$each" ] && tool=$programs/$each
done
[ -n "$tool" ] || {{ echo "there is neither etcdutl nor etcdctl in $programs" >&2; exit 1; }}
make_user "$user"
(umask 022 && mkdir -p -- "$(dirname -- "$beside")")
mkdir -p -- "$beside"
rm -rf -- "$beside"/work.* "$beside/ready"
work=$(mktemp -d -- "$beside/work.XXXXXX")
trap 'rm -rf -- "$work"; rmdir -- "$beside" 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM
free=$(stat -f -c '%a %S' -- "$work")
free=$((${{free% *}} * ${{free#* }}))
needed=$((size * 2 + {LOG_BYTES + MARGIN}))
if [ "$free" -lt "$needed" ]; then
    echo "there is no room beside $data: $((needed >> 20)) MiB are needed, $((free >> 20)) MiB are free" >&2
    exit 1
fi
cat >"$work/snapshot.db"
[ "$(stat -c %s -- "$work/snapshot.db")" = "$size" ] || {{ echo "the snapshot did not arrive whole" >&2; exit 1; }}
env -i PATH="$PATH" ETCDCTL_API=3 \
    "$tool" snapshot restore "$work/snapshot.db" --data-dir="$work/new" "$@" >"$work/said" 2>&1 ||
    {{ tail -n 3 -- "$work/said" >&2; exit 1; }}
rm -- "$work/snapshot.db" "$work/said"
mv -T -- "$work/new/member" "$work/member"
rmdir -- "$work/new"
[ "$user" = root ] || chown -R -- "$user:" "$work/member"
printf '%s' "$mark" >"$work/mark"
sync -f -- "$work"
mv -T -- "$work" "$beside/ready"
trap - EXIT
"""
)

# $1 the data directory, $2 the mark, $3 the user.
PLACE = (
    BESIDE
    + r"""
set -eu
umask 077
data=$1 mark=$2 user=$3
beside=$(beside "$data")
[ -e "$beside/ready" ] || [ ! -e "$data/member" ] || exit 0
[ -e "$beside/ready/mark" ] && [ "$(cat -- "$beside/ready/mark")" = "$mark" ] ||
    { echo "what was restored beside $data is not there" >&2; exit 1; }
[ ! -e "$data/member" ] || { echo "$data still holds other data" >&2; exit 1; }
[ -d "$data" ] || (umask 022 && mkdir -p -- "$(dirname -- "$data")" && mkdir -m 0700 -- "$data")
chmod 0700 -- "$data"
[ "$user" = root ] || chown -- "$user:" "$data"
mv -T -- "$beside/ready/member" "$data/member"
sync -f -- "$data"
rm -rf -- "$beside"
"""
)


def arguments(wish: Restoration) -> tuple[str, ...]:
    return (wish.data, wish.mark, str(wish.size), wish.programs, wish.user, *wish.flags)


# The same on this machine. OSError and RuntimeError say what went wrong.


def beside(data: Path) -> Path:
    return data.with_name(f"{data.name}.restoring")


async def prepare_here(wish: Restoration) -> None:
    ready = beside(Path(wish.data)) / "ready"
    if is_marked(ready, wish.mark):
        return
    tool = next((path for name in PROGRAMS if os.access(path := Path(wish.programs) / name, os.X_OK)), None)
    if tool is None:
        raise RuntimeError(f"there is neither etcdutl nor etcdctl in {wish.programs}")
    work = await asyncio.to_thread(make_room, ready.parent, wish.size)
    try:
        await restore_into(work, tool, wish)
        (work / "mark").write_text(wish.mark)
        work.rename(ready)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make_room(folder: Path, size: int) -> Path:
    """A place to work in; what earlier runs left half-done goes, also where such a one still writes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in (*folder.glob("work.*"), folder / "ready"):
        shutil.rmtree(left, ignore_errors=True)
    status, needed = os.statvfs(folder), size + LOG_BYTES + MARGIN  # the snapshot itself is read where it lies
    if (free := status.f_bavail * status.f_frsize) < needed:
        raise RuntimeError(f"there is no room in {folder}: {needed >> 20} MiB are needed, {free >> 20} MiB are free")
    return Path(tempfile.mkdtemp(prefix="work.", dir=folder))


async def restore_into(work: Path, tool: Path, wish: Restoration) -> None:
    """etcd's tool makes `new/member`; it becomes `member`."""
    process = await asyncio.create_subprocess_exec(
        str(tool),
        "snapshot",
        "restore",
        wish.snapshot,
        f"--data-dir={work / 'new'}",
        *wish.flags,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ.get("PATH", os.defpath), "ETCDCTL_API": "3"},
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError("\n".join(said.decode(errors="replace").splitlines()[-3:]))
    (work / "new" / "member").rename(work / "member")
    (work / "new").rmdir()


def place_here(data: Path, mark: str) -> None:
    ready = beside(data) / "ready"
    if not ready.exists() and (data / "member").exists():
        return
    if not is_marked(ready, mark):
        raise RuntimeError(f"what was restored beside {data} is not there")
    if (data / "member").exists():
        raise RuntimeError(f"{data} still holds other data")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (ready / "member").rename(data / "member")
    shutil.rmtree(ready.parent, ignore_errors=True)


def is_marked(ready: Path, mark: str) -> bool:
    try:
        return (ready / "mark").read_text() == mark
    except OSError:
        return False
