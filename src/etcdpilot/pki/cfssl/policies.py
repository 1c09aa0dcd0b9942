"""The JSON of a signing configuration: `{"signing": {"default": {…}, "profiles": {NAME: {…}}}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from etcdpilot.model.certificates import KeyUsage
from etcdpilot.pki.cfssl.documents import Section
from etcdpilot.pki.cfssl.errors import CONFIGURATION, POLICY, CfsslError
from etcdpilot.pki.names import EXTENDED_USAGES

KEY_USAGES = {
    "signing": KeyUsage.DIGITAL_SIGNATURE,
    **{usage.value: usage for usage in KeyUsage},
}
SAME_EXTENDED_USAGE = {"s/mime": "email protection"}
NOT_SUPPORTED = ("auth_key", "auth_remote", "remote", "name_whitelist", "csr_whitelist", "policies")

BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SigningProfile:
    """How a leaf is signed. `usages` are cfssl's words as given."""

    name: str
    expiry: timedelta
    usages: tuple[str, ...]
    backdate: timedelta = BACKDATE
    not_before: datetime | None = None
    not_after: datetime | None = None
    is_ca: bool = False
    path_length: int | None = None
    issuer_urls: tuple[str, ...] = ()
    ocsp_url: str = ""
    crl_url: str = ""
    notes: tuple[str, ...] = ()

    @property
    def key_usages(self) -> tuple[KeyUsage, ...]:
        return tuple(KEY_USAGES[word] for word in self.usages if word in KEY_USAGES)

    @property
    def extended_usages(self) -> tuple[str, ...]:
        words = (SAME_EXTENDED_USAGE.get(word, word) for word in self.usages)
        return tuple(dict.fromkeys(word for word in words if word in EXTENDED_USAGES))

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when: whole minutes, and a little back in time for hosts whose clock is behind."""
        minute = (now + timedelta(seconds=30)).replace(second=0, microsecond=0)
        begin = self.not_before or minute - self.backdate
        return begin, self.not_after or begin + self.expiry


DEFAULT = SigningProfile(
    "default", timedelta(hours=8760), ("signing", "key encipherment", "server auth", "client auth")
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The default and every named profile."""

    default: SigningProfile = DEFAULT
    profiles: Mapping[str, SigningProfile] = field(default_factory=dict)

    def choose(self, name: str) -> SigningProfile:
        """The profile of that name, or the default for none; CfsslError 5100 where there is none, or no usage in it."""
        if name and name not in self.profiles:
            known = ", ".join(self.profiles) or "none"
            why = f"There is no profile {name!r}; those of the configuration: {known}."
            raise CfsslError(POLICY, "Invalid policy: no key usage available", why=why)
        profile = self.profiles[name] if name else self.default
        if not profile.key_usages and not profile.extended_usages:
            why = f"The profile {profile.name!r} names no usage that is known."
            if not name and self.profiles:
                why += f" Choose one with -profile: {', '.join(self.profiles)}."
            raise CfsslError(POLICY, "Invalid policy: no key usage available", why=why)
        return profile


def read_policy(text: bytes | str | None) -> Policy:
    """The configuration, or cfssl's own default where none is given; CfsslError 5200 says what is wrong with it."""
    if text is None:
        return Policy()
    signing = Section.read(text, "the configuration", CONFIGURATION).section("signing")
    if signing is None:
        raise CfsslError(CONFIGURATION, 'No "signing" field present')
    default = signing.section("default")
    return Policy(
        _profile("default", default) if default else DEFAULT,
        {name: _profile(name, section) for name, section in signing.named_sections("profiles").items()},
    )


def _profile(name: str, section: Section) -> SigningProfile:
    expiry = section.duration("expiry")
    not_after = _moment(section, "not_after")
    if not expiry and not_after is None:
        raise section.error("expiry", "is missing: say how long the certificates live, such as 87600h")
    constraint = section.section("ca_constraint")
    length = constraint.number("max_path_len") if constraint else 0
    limited = bool(constraint and (length > 0 or constraint.flag("max_path_len_zero")))
    usages = section.texts("usages")
    return SigningProfile(
        name=name,
        expiry=expiry or timedelta(0),
        usages=usages,
        backdate=section.duration("backdate") or BACKDATE,
        not_before=_moment(section, "not_before"),
        not_after=not_after,
        is_ca=bool(constraint and constraint.flag("is_ca")),
        path_length=length if limited else None,
        issuer_urls=section.texts("issuer_urls"),
        ocsp_url=section.text("ocsp_url"),
        crl_url=section.text("crl_url"),
        notes=tuple(_notes(name, section, usages)),
    )


def _notes(name: str, section: Section, usages: tuple[str, ...]) -> list[str]:
    unknown = [word for word in usages if word not in {*KEY_USAGES, *EXTENDED_USAGES, *SAME_EXTENDED_USAGE}]
    notes = [f"the profile {name!r} names usages that nobody knows: {', '.join(unknown)}"] if unknown else []
    passed = [key for key in NOT_SUPPORTED if section.values.get(key)]
    return notes + ([f"the profile {name!r} sets what is passed over here: {', '.join(passed)}"] if passed else [])


def _moment(section: Section, key: str) -> datetime | None:
    text = section.text(key)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        raise section.error(key, f'is no time: "{text}"; write 2030-01-31T00:00:00Z') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
