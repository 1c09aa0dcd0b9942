"""etcd's programs on their way to a host: into a folder of their version, then symlinks by rename.

Each program has a channel of its own: sshd takes 2 MB a channel before it wants to be answered, so over a distance of
50 ms one stream stays below 40 MB/s, whatever the line.
"""

from __future__ import annotations

import functools
import hashlib
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from etcdpilot.hosts.look import ARCHITECTURES

PROGRAMS = ("etcd", "etcdctl", "etcdutl")  # 3.4 has no etcdutl
SEND = b"send\n"
PIECE = 1 << 18
MACHINES = {0x3E: "amd64", 0xB7: "arm64", 0x15: "ppc64le", 0x16: "s390x", 0xF3: "riscv64"}  # e_machine of ELF

IS_WHOLE = r"""
is_whole() {
    where=$1
    shift
    [ -f "$where/SHA256SUMS" ] && [ "$(cat -- "$where/SHA256SUMS")" = "$manifest" ] || return 1
    # The manifest was written last: what is newer was changed by somebody else.
    for program; do [ -x "$where/$program" ] && [ ! "$where/$program" -nt "$where/SHA256SUMS" ] || return 1; done
}
"""

# $1 the folder of this version, $2 the manifest; then the programs. Prints `send`, or nothing when all is there.
PREPARE = (
    IS_WHOLE
    + r"""
set -eu
umask 022
folder=$1 manifest=$2
shift 2
if ! is_whole "$folder" "$@"; then
    mkdir -p -- "$(dirname -- "$folder")"
    rm -rf -- "$folder.new"
    mkdir -- "$folder.new"
    echo send
fi
"""
)

# $1 where to, $2 how many bytes: a stream that is cut off ends like one that is whole.
RECEIVE = r"""
set -eu
umask 022
cat >"$1"
[ "$(stat -c %s -- "$1")" = "$2" ] || { echo "$1 did not arrive whole" >&2; exit 1; }
chmod 0755 -- "$1"
sync -- "$1"
"""

# $1 the folder of this version, $2 the folder of the symlinks, $3 the manifest, $4 the version; then the programs.
# The manifest comes last, so that it stands there only when everything else does: a repeated install looks at it alone.
FINISH = (
    IS_WHOLE
    + r"""
set -eu
umask 022
folder=$1 bin=$2 manifest=$3 version=$4
shift 4

point_to() {
    if [ -e "$bin/$1" ] && [ ! -L "$bin/$1" ]; then
        mv -nT -- "$bin/$1" "$bin/$1.before-etcdpilot" # a package's own file
    fi
    [ "$(readlink -- "$bin/$1")" = "$folder/$1" ] && return
    ln -sfn -- "$folder/$1" "$bin/.$1.etcdpilot-new"
    mv -fT -- "$bin/.$1.etcdpilot-new" "$bin/$1"
}

if ! is_whole "$folder" "$@"; then
    new=$folder.new
    said=$("$new/etcd" --version) || { echo "the etcd that was brought does not run here" >&2; exit 1; }
    case $said in
    *" $version"*) ;;
    *) echo "the etcd that was brought says: $said" >&2; exit 1 ;;
    esac
    printf '%s\n' "$manifest" >"$new/SHA256SUMS"
    sync -- "$new/SHA256SUMS" "$new"
    [ ! -e "$folder" ] || mv -T -- "$folder" "$folder.old"
    mv -T -- "$new" "$folder"
    rm -rf -- "$folder.old"
    sync -- "$(dirname -- "$folder")"
fi
mkdir -p -- "$bin"
for program; do point_to "$program"; done
"""
)


# $1 the folder of programs that are there, $2 the folder of the symlinks.
POINT_TO = r"""
set -eu
for program in "$1"/etcd "$1"/etcdctl "$1"/etcdutl; do
    [ -x "$program" ] || continue
    name=${program##*/}
    ln -sfn -- "$program" "$2/.$name.etcdpilot-new"
    mv -fT -- "$2/.$name.etcdpilot-new" "$2/$name"
done
"""


def programs(directory: str) -> list[Path]:
    return [path for name in PROGRAMS if (path := Path(directory) / name).is_file()]


def pieces(path: Path) -> Iterator[bytes]:
    """A program bit by bit: nothing is held in memory whole."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


RECKONING = threading.Lock()


def manifest(directory: str) -> str:
    """As sha256sum writes it; reckoned once a run, also where all hosts ask for it at one time."""
    with RECKONING:
        return manifest_of(directory)


@functools.lru_cache(maxsize=8)
def manifest_of(directory: str) -> str:
    return "\n".join(f"{sha256(path)}  {path.name}" for path in programs(directory))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def architecture_of(path: Path) -> str:
    """amd64 or arm64, as an ELF file says; empty for what is none."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return ""
    (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
    return MACHINES.get(machine, f"machine {machine}")


def architecture_named(machine: str) -> str:
    return ARCHITECTURES.get(machine, machine)
