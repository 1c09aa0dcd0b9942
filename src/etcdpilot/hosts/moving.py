"""Moves a member's data to another path of its host. It must have stopped. Nothing is deleted: on another disk the data
is copied, and what it was copied from stays aside."""

from __future__ import annotations

from etcdpilot.hosts.write import MAKE_USER

# $1 where it is, $2 where it is to be, $3 the stamp, $4 its owner. What etcd keeps lies in `member`: that moves, so that
# either directory may be a disk of its own. Cut off anywhere, it goes on from there: `copying` is ours and half a copy,
# `copied` is a whole one.
MOVE_DATA = (
    MAKE_USER
    + r"""
set -eu
old=$1/member new=$2/member aside=$1/member.$3
if [ -e "$new" ]; then
    [ ! -e "$old" ] || { echo "there is data in $1 and in $2" >&2; exit 1; }
    exit 0
fi
[ -e "$old" ] || [ -e "$new.copied" ] || { echo "there is no data in $1" >&2; exit 1; }
make_user "$4"
if [ ! -d "$2" ]; then
    (umask 022 && mkdir -p -- "$(dirname -- "$2")" && mkdir -m 0700 -- "$2")
fi
chmod 0700 -- "$2"
chown -- "$4:" "$2"
if [ -e "$old" ] && [ "$(stat -c %d -- "$old")" = "$(stat -c %d -- "$2")" ]; then
    mv -T -- "$old" "$new"
else
    if [ ! -e "$new.copied" ]; then
        rm -rf -- "$new.copying"
        cp -a -- "$old" "$new.copying"
        sync
        mv -T -- "$new.copying" "$new.copied"
    fi
    [ ! -e "$old" ] || mv -T -- "$old" "$aside"
    mv -T -- "$new.copied" "$new"
fi
sync -- "$1" "$2"
"""
)
