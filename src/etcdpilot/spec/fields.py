"""One text of the cluster file, judged by itself: each function returns it canonical, or ValueError says why not.

Everything here ends in a unit file, an environment file, a URL, a certificate or a shell. So each field names the few
characters that it needs and every other one is refused: quotes, `$`, backslashes, `%` (systemd expands it), newlines,
`..` and look-alike letters have no way in. No heavy import: `etcdpilot up` and `init` check their arguments here too.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from datetime import timedelta

from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.versions import Version

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
SSH_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")
SYSTEM_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
UNIT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9:_.-]{0,62}[A-Za-z0-9])?")
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PATH_PART = re.compile(r"[A-Za-z0-9._+@-]{1,100}")
MEMBER_ID = re.compile(r"[0-9a-fA-F]{1,16}")
DIGEST = re.compile(r"[0-9a-f]{64}")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}")
ADDRESS_LIKE = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)")
SETTING_NAME = re.compile(r"[A-Z][A-Za-z0-9]{1,63}")
SETTING_VALUE = re.compile(r"[A-Za-z0-9 ._:/@,+=~-]{1,400}|[0-9]{1,3}%")
OPTION_VALUE = re.compile(r"[A-Za-z0-9 ._:/@,+=~*\[\]-]{0,1000}")
WEB_ADDRESS = re.compile(r"(https?|file)://[A-Za-z0-9\[\]:._-]*(/[A-Za-z0-9._~+@=,{}-]*)*(\?[A-Za-z0-9._~+@=,&-]*)?")
STORE = re.compile(r"(file:///|s3://)[A-Za-z0-9][A-Za-z0-9._@+-]*(/[A-Za-z0-9][A-Za-z0-9._@+-]*)*/?")
RELEASE = re.compile(r"v?[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")
PUBLISHED = "published"  # the digest stands in the SHA256SUMS beside the archive
LOCAL_PATH_MARKS = frozenset(" ._-+@=,:/~()")
DURATION = re.compile(r"([0-9]{1,7})(y|w|d|h|m)")
DURATION_UNITS = {"y": 365 * 24 * 60, "w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "m": 1}  # minutes
SYSTEM_DIRECTORIES = frozenset(
    """/bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var
    /etc/ssl /etc/ssl/certs /etc/systemd /etc/systemd/system /usr/bin /usr/lib /usr/local /usr/local/bin /usr/sbin
    /usr/share /var/cache /var/lib /var/log /var/run /var/spool /var/tmp""".split()  # noqa: SIM905
)


def shown(text: str) -> str:
    """The text as it can be printed on any terminal: escaped and shortened."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def printable(text: str) -> str:
    """Refuses what cannot be seen (control, zero-width, bidirectional, private, broken characters), and `..` steps."""
    for character in text:
        if unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp"):
            raise ValueError(f"{shown(text)} holds the character U+{ord(character):04X}, which cannot be seen")
    if len(text) > 1000:
        raise ValueError("it is longer than 1000 characters")
    if ".." in text.split("/"):
        raise ValueError(f"{shown(text)} steps through ..; write the path itself")
    return text


def _matched(pattern: re.Pattern[str], text: str, what: str, rule: str) -> str:
    if not pattern.fullmatch(printable(text)):
        raise ValueError(f"{shown(text)} is not {what}; {rule}")
    return text


def name(text: str) -> str:
    """A member's or the cluster's name. etcd itself takes `$(id)` and newlines; `=` and `,` break its lists."""
    rule = "use 1 to 63 small letters, digits, dots, hyphens or underscores, a letter or digit at both ends"
    if ".." in _matched(NAME, text, "a name", rule):
        raise ValueError(f"{shown(text)} is not a name; leave out the double dot")
    return text


def host(text: str) -> str:
    """A host name or an address without brackets; addresses come back canonical."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(printable(bare))
    except ValueError:
        return _host_name(text)
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{shown(text)} is not the address of one host; write the address that the others reach it at")
    if "%" in bare:
        raise ValueError(f"{shown(text)} names an interface; write the address alone")
    return str(address)


def _host_name(text: str) -> str:
    printable(text)
    good = len(text) <= 253 and all(LABEL.fullmatch(label) for label in text.split("."))
    if not good:
        example = "write 10.0.1.10, fd00::10 or db-1.example.com"
        raise ValueError(f"{shown(text)} is neither a host name nor an address; {example}")
    if ADDRESS_LIKE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a valid address; write four numbers from 0 to 255, no leading zeros")
    return text


def certificate_name(text: str) -> str:
    """A name or address for a certificate; `*.example.com` stands for one label."""
    return "*." + _host_name(text[2:]) if text.startswith("*.") else host(text)


def url(text: str) -> str:
    """A URL of a member: scheme, host and port, nothing more; canonical as etcd prints it."""
    if printable(text).count(":") > 2 and "[" not in text:
        raise ValueError(f"{shown(text)} holds an IPv6 address without brackets; write https://[fd00::10]:2380")
    parsed = MemberUrl.parse(text)
    if parsed.host in ("0.0.0.0", "::"):
        return str(parsed)
    return str(MemberUrl(parsed.scheme, host(parsed.host), parsed.port))


def remote_path(text: str) -> str:
    """An absolute path on a host, without a closing slash."""
    printable(text)
    parts = text.removesuffix("/").split("/")
    rule = "write an absolute path of letters, digits and . _ + @ - only"
    if parts[0] or len(parts) < 2 or not all(PATH_PART.fullmatch(part) for part in parts[1:]):
        raise ValueError(f"{shown(text)} is not a path that a unit file can hold; {rule}")
    if "." in parts:
        raise ValueError(f"{shown(text)} steps through .; write the path itself")
    return "/".join(parts)


def own_directory(text: str) -> str:
    """A directory that may be made, closed to others, and (for data) moved aside whole: never one of the system's."""
    path = remote_path(text)
    if path in SYSTEM_DIRECTORIES or path.startswith(("/proc/", "/sys/", "/dev/")):
        raise ValueError(f"{path} belongs to the system; choose a directory below it")
    return path


def local_path(text: str) -> str:
    """A path on this machine: spaces and letters of any language are fine, what a shell would read is not."""
    printable(text)
    good = all(mark in LOCAL_PATH_MARKS or unicodedata.category(mark)[0] in "LNM" for mark in text)
    if not text.strip() or not good or text.startswith("-"):
        raise ValueError(f"{shown(text)} is not a path; use letters, digits, spaces and . _ - + @ = , : ( ) only")
    if text.startswith("~") and not text.startswith("~/"):
        raise ValueError(f"{shown(text)} names another user's home; write it out")
    return text


def given_path(text: str) -> str:
    """A path on this machine in which {name} stands for a member's name."""
    local_path(text.replace("{name}", "name"))
    return text


def archive(text: str) -> str:
    """An archive's address or path, which may hold {version} and {arch}."""
    placeholders = re.sub(r"\{(version|arch)\}", "", text)
    if "://" not in text:
        local_path(placeholders)
        return text
    _matched(WEB_ADDRESS, text, "an address", "write https://host/path, without quotes, spaces, $ or %")
    if "{" in placeholders or "}" in placeholders:
        raise ValueError(f"{shown(text)} holds braces; only {{version}} and {{arch}} are filled in")
    return text


def web_address(text: str) -> str:
    if "{" in text or not text.startswith(("http://", "https://")):
        raise ValueError(f"{shown(text)} is not an address; write https://host/path")
    return _matched(WEB_ADDRESS, text, "an address", "write https://host/path, without quotes, spaces, $ or %")


def ssh_user(text: str) -> str:
    return _matched(SSH_USER, text, "a user name", "use letters, digits, dots, hyphens and underscores")


def system_user(text: str) -> str:
    return _matched(SYSTEM_USER, text, "a system user", "use up to 31 small letters, digits, hyphens and underscores")


def jump(text: str) -> str:
    """`user@host:port`, several joined by commas, as OpenSSH's ProxyJump takes them."""
    hops = printable(text).split(",")
    for hop in hops:
        login, at, target = hop.rpartition("@")
        if at:
            ssh_user(login)
        where, port_text = split_port(target)
        host(where)
        if port_text:
            port(port_text)
    return ",".join(hops)


def split_port(text: str) -> tuple[str, str]:
    """`host:22`, `[fd00::1]:22`, `fd00::1` or `host` into the host and the port's text, empty for none."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    if text.count(":") == 1:
        before, _, after = text.partition(":")
        return before, after
    return text, ""


def port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"{shown(text)} is not a port; write a number from 1 to 65535")
    return int(text)


def unit(text: str) -> str:
    return _matched(UNIT, text.removesuffix(".service"), "a unit name", "use letters, digits and : _ . - only")


def interface(text: str) -> str:
    return _matched(INTERFACE, text, "a network interface", "write it as `ip link` shows it, such as eth0")


def file_name(text: str) -> str:
    if ".." in _matched(FILE_NAME, text, "a file name", "use letters, digits and . _ - only, and no directory"):
        raise ValueError(f"{shown(text)} is not a file name; leave out the double dot")
    return text


def word(text: str) -> str:
    if ".." in _matched(WORD, text, "a plain word", "use letters, digits and . _ - only"):
        raise ValueError(f"{shown(text)} is not a plain word; leave out the double dot")
    return text


def package(text: str) -> str:
    return _matched(PACKAGE, text, "a package name", "write it as the distribution does, such as etcd-server")


def member_id(text: str) -> str:
    """A member's ID as etcdctl prints it: hex without leading zeros."""
    _matched(MEMBER_ID, text, "a member ID", "write it as `etcdpilot status` shows it, such as 8e9e05c52164694d")
    if not int(text, 16):
        raise ValueError("no member has the ID 0")
    return f"{int(text, 16):x}"


def version(text: str) -> str:
    """A release, canonical: `3.5.30`. 3.10 is neither 3.1 nor 3.10.0."""
    _matched(RELEASE, text, "a release of etcd", "write all three numbers, such as 3.5.30")
    return str(Version.parse(text))


def digest_or_published(text: str) -> str:
    """A SHA-256, or the word for the list that etcd publishes beside its archives."""
    return text if text == PUBLISHED else digest(text)


def store(text: str) -> str:
    """Where snapshots go: `file:///srv/backup`, `s3://bucket/prefix`."""
    rule = "write file:///path or s3://bucket/prefix; keys and secrets do not belong here"
    return _matched(STORE, text, "a store", rule)


def schedule(text: str) -> str:
    if text not in ("hourly", "daily", "weekly") and not DURATION.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a schedule; write hourly, daily, weekly or an interval such as 6h")
    return text


def digest(text: str) -> str:
    return _matched(DIGEST, printable(text).lower(), "a SHA-256", "write the 64 hex digits that `sha256sum` prints")


def subject_part(text: str) -> str:
    """A part of a certificate's subject: letters of any language, digits, spaces and plain marks."""
    printable(text)
    good = text.strip() == text != "" and len(text) <= 64
    if not good or not all(character.isalnum() or character in " .,_-+/@:" for character in text):
        rule = "use up to 64 letters, digits, spaces and . , _ - + / @ :"
        raise ValueError(f"{shown(text)} cannot stand in a subject; {rule}")
    return text


def duration(text: str) -> timedelta:
    """`10y`, `90d`, `12h`: years of 365 days, weeks, days, hours, minutes; at most a hundred years."""
    found = DURATION.fullmatch(text)
    if not found or not int(found[1]):
        raise ValueError(f"{shown(text)} is not a duration; write 10y, 90d, 12h or 30m")
    minutes = int(found[1]) * DURATION_UNITS[found[2]]
    if minutes > 100 * DURATION_UNITS["y"]:
        raise ValueError(f"{shown(text)} is longer than a hundred years")
    return timedelta(minutes=minutes)


def setting_value(text: str) -> str:
    return _matched(SETTING_VALUE, text, "a plain value", "leave out quotes, $, \\ and % (systemd expands them)")


def option_value(text: str) -> str:
    return _matched(OPTION_VALUE, text, "a plain value", "leave out quotes, $, \\ and % (systemd and shells read them)")
