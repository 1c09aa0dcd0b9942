"""etcd's programs on their way to a host: one tar stream to a folder of their version, then symlinks by rename."""

from __future__ import annotations

import functools
import hashlib
import io
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

from etcdpilot.hosts.look import ARCHITECTURES
from etcdpilot.hosts.write import header

PROGRAMS = ("etcd", "etcdctl", "etcdutl")  # 3.4 has no etcdutl
MANIFEST = "SHA256SUMS"
SEND = b"send\n"
PIECE = 1 << 18
MACHINES = {0x3E: "amd64", 0xB7: "arm64", 0x15: "ppc64le", 0x16: "s390x", 0xF3: "riscv64"}  # e_machine of ELF

# $1 the folder of this version, $2 the folder of the symlinks, $3 the manifest, $4 the version; then the programs.
# The manifest comes last, so that it stands there only when everything else does: a repeated install looks at it alone.
INSTALL = r"""
set -eu
umask 022
folder=$1 bin=$2 manifest=$3 version=$4
shift 4

is_whole() {
    where=$1
    shift
    [ -f "$where/SHA256SUMS" ] && [ "$(cat -- "$where/SHA256SUMS")" = "$manifest" ] || return 1
    for program; do [ -x "$where/$program" ] || return 1; done
}
point_to() {
    if [ -e "$bin/$1" ] && [ ! -L "$bin/$1" ]; then
        mv -nT -- "$bin/$1" "$bin/$1.before-etcdpilot" # a package's own file
    fi
    [ "$(readlink -- "$bin/$1")" = "$folder/$1" ] && return
    ln -sfn -- "$folder/$1" "$bin/.$1.etcdpilot-new"
    mv -fT -- "$bin/.$1.etcdpilot-new" "$bin/$1"
}

mkdir -p -- "$bin" "$(dirname -- "$folder")"
if ! is_whole "$folder" "$@"; then
    echo send
    new=$folder.new
    rm -rf -- "$new"
    mkdir -- "$new"
    tar -x -m -p --no-same-owner -f - -C "$new"
    is_whole "$new" "$@" || { echo "the programs did not arrive whole" >&2; exit 1; }
    said=$("$new/etcd" --version) || { echo "the etcd that was brought does not run here" >&2; exit 1; }
    case $said in
    *" $version"*) ;;
    *) echo "the etcd that was brought says: $said" >&2; exit 1 ;;
    esac
    (cd -- "$new" && sync -- *)
    [ ! -e "$folder" ] || mv -T -- "$folder" "$folder.old"
    mv -T -- "$new" "$folder"
    rm -rf -- "$folder.old"
    sync -- "$folder" "$(dirname -- "$folder")"
fi
for program; do point_to "$program"; done
"""


def programs(directory: str) -> list[Path]:
    return [path for name in PROGRAMS if (path := Path(directory) / name).is_file()]


def stream(directory: str) -> Iterator[bytes]:
    """A tar of the programs and their manifest, in pieces: nothing is held in memory whole."""
    for path in programs(directory):
        size = path.stat().st_size
        yield header(path.name, 0o755, size).tobuf(tarfile.GNU_FORMAT)
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
        yield bytes(-size % tarfile.BLOCKSIZE)
    text = manifest(directory).encode() + b"\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(header(MANIFEST, 0o644, len(text)), io.BytesIO(text))
    yield buffer.getvalue()


@functools.lru_cache(maxsize=8)
def manifest(directory: str) -> str:
    """As sha256sum writes it; reckoned once a run, not once a host."""
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
