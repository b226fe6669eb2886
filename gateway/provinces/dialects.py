"""Which dialects there are, and a province's own connector made from its profile. A new dialect is one line here.

Nothing is opened or asked before the first question; files are read at once, so that a profile that cannot work is
refused before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from . import alipay, jiangsu, national, tencent, zhejiang
from .credentials import CredentialsUnavailable
from .dialect import Dialect, FindsKeys
from .needs import Fault, Needs
from .profile import DialectName, ProvinceProfile

__all__ = ["NEEDS", "CredentialsUnavailable", "Fault", "connect", "faults"]

_OVER_HTTP: Final[Mapping[DialectName, tuple[Needs, Callable[[ProvinceProfile], Dialect]]]] = MappingProxyType(
    {
        DialectName.ALIPAY: (alipay.NEEDS, alipay.Alipay),
        DialectName.TENCENT: (tencent.NEEDS, tencent.Tencent),
        DialectName.JIANGSU: (jiangsu.NEEDS, jiangsu.Jiangsu),
        DialectName.ZHEJIANG: (zhejiang.NEEDS, zhejiang.Zhejiang),
        DialectName.NATIONAL: (national.NEEDS, national.National),
    }
)

NEEDS: Final[Mapping[DialectName, Needs]] = MappingProxyType(
    {
        **{name: needs for name, (needs, _) in _OVER_HTTP.items()},
        DialectName.NATIVE: Needs(pair=("client_key", "client_certificate")),
    }
)
"""What each dialect needs of a profile: credentials, registered names, parameters with their defaults."""


def faults(profile: ProvinceProfile) -> tuple[Fault, ...]:
    """Return all that keeps a profile from speaking its dialect, by section and member. Opens no file."""
    return NEEDS[profile.dialect].faults(profile)


def connect(profile: ProvinceProfile, *, keys: FindsKeys) -> Dialect:
    """Return the province's connector. Reads the credential files; opens no connection, and needs no running loop.

    Args:
        profile: of the province; any name in it that the dialect does not know is a fault.
        keys: the trust list, for dialects whose answers are signed with keys on it.

    Raises:
        CredentialsUnavailable: the province cannot be asked like this: a credential's file cannot be used, or the
            profile (named as the file) lacks something or has something that its dialect does not know.

    """
    found = faults(profile)
    if found:
        section, member, why = found[0]
        raise CredentialsUnavailable(f"{profile.name}.toml", f"{section}.{member}: {why}")
    if profile.dialect is DialectName.NATIVE:
        from .native import Native  # here and not above: processes fork before grpc is imported

        return Native(profile, keys)
    return _OVER_HTTP[profile.dialect][1](profile)
