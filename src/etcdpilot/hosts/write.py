"""Files on their way to a host: one tar stream, each beside its place, synced, then all renamed."""

from __future__ import annotations

import io
import posixpath
import tarfile
import time
from collections.abc import Iterator, Sequence

from etcdpilot.model.files import FileToWrite

UNITS = "/etc/systemd/system"
SUFFIX = ".etcdpilot-new"  # always the same one, so that what a cut-off left behind is taken by the next run

MAKE_USER = r"""
make_user() {
    [ -n "$1" ] && ! id -u -- "$1" >/dev/null 2>&1 || return 0
    case $1 in *[!A-Za-z0-9_-]*) echo "$1 is no name of a system user" >&2; return 1 ;; esac
    systemd-sysusers --inline "u $1 - \"etcd\" /"
}
"""

# One that was made and not yet given away, or is an empty disk, is given away now.
MAKE_DATA_DIRECTORY = r"""
make_data_directory() {
    [ -d "$1" ] || (umask 022 && mkdir -p -- "$(dirname -- "$1")" && mkdir -m 0700 -- "$1")
    [ ! -e "$1/member" ] || return 0
    chmod 0700 -- "$1"
    chown -- "$2:" "$1"
}
"""

# $1 the service's user, $2 its data directory, $3 the unit that is among the files, $4 how many folders; the folders;
# owner, place and place beside it of every file. tar makes a file with its mode, for root alone, before it writes the
# first byte.
WRITE = (
    MAKE_USER
    + MAKE_DATA_DIRECTORY
    + r"""
set -eu
umask 077
user=$1 data=$2 unit=$3 folders=$4
shift 4

make_folders() {
    count=$1
    while [ "$count" -gt 0 ]; do
        shift
        count=$((count - 1))
        [ -d "$1" ] || (umask 022 && mkdir -p -- "$1")
    done
}
sync_folders() {
    left=$1 rest=$(($# - 1 - $1))
    shift
    while [ "$left" -gt 0 ]; do
        folder=$1
        shift
        set -- "$@" "$folder"
        left=$((left - 1))
    done
    shift "$rest"
    sync -- "$@"
}
# A stream that was cut off between two files looks whole to tar: what an earlier one left must not be taken for its rest.
drop_leftovers() {
    shift "$folders"
    while [ "$#" -gt 0 ]; do
        [ ! -e "$3" ] || rm -f -- "$3"
        shift 3
    done
}
# One sync for all: each is a process, and on a host of two cores it is processes that cost.
make_ready() {
    shift "$folders"
    left=$#
    while [ "$left" -gt 0 ]; do
        [ "$1" = root ] || chown -- "$1:" "$3"
        beside=$3
        shift 3
        set -- "$@" "$beside"
        left=$((left - 3))
    done
    sync -- "$@"
}
take_place() {
    shift "$folders"
    while [ "$#" -gt 0 ]; do
        mv -fT -- "$3" "$2"
        shift 3
    done
}

make_user "$user"
[ -z "$data" ] || make_data_directory "$data" "$user"
make_folders "$folders" "$@"
drop_leftovers "$@"
tar -x -p -m --no-same-owner -f - -C / # by the clock here, beside the one that tells when a process began
make_ready "$@"
if [ -n "$unit" ]; then
    # A unit of that name that a package brought starts by itself, on data of its own: it ends here.
    case $(systemctl show --value -p FragmentPath -- "$unit") in
    '' | /etc/systemd/system/*) ;;
    *) systemctl stop -- "$unit" ;;
    esac
fi
take_place "$@"
sync_folders "$folders" "$@"
[ -z "$unit" ] || systemctl daemon-reload
"""
)

# $1 the path, $2 the stamp. A directory that is a disk of its own cannot be renamed: what etcd keeps in it can.
MOVE_ASIDE = r"""
set -eu
if [ -e "$1" ] || [ -L "$1" ]; then
    aside=$1.$2
    if [ -d "$1" ] && [ "$(stat -c %d -- "$1")" != "$(stat -c %d -- "$1/..")" ]; then
        [ -e "$1/member" ] || exit 0
        aside=$1/member.$2
        mv -T -- "$1/member" "$aside"
    else
        mv -T -- "$1" "$aside"
    fi
    sync -- "$(dirname -- "$aside")"
    printf %s "$aside"
fi
"""


def arguments(files: Sequence[FileToWrite], user: str, data: str = "") -> tuple[str, ...]:
    folders = tuple(dict.fromkeys(posixpath.dirname(file.path) for file in files))
    units = [file.path for file in files if posixpath.dirname(file.path) == UNITS and file.path.endswith(".service")]
    each = [word for file in files for word in (file.owner or "root", file.path, beside(file.path))]
    return (user, data, posixpath.basename(units[0]) if units else "", str(len(folders)), *folders, *each)


def beside(path: str) -> str:
    folder, name = posixpath.split(path)
    return f"{folder}/.{name}{SUFFIX}"


def stream(files: Sequence[FileToWrite]) -> Iterator[bytes]:
    """A tar of all of them under the names beside their places."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            archive.addfile(header(beside(file.path), file.mode, len(file.data)), io.BytesIO(file.data))
    yield buffer.getvalue()


def header(path: str, mode: int, size: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(path.lstrip("/"))
    made.mode, made.size, made.mtime = mode, size, int(time.time())
    return made
