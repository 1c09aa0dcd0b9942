"""Private keys: made, written and read.

Written as PKCS#8 ("BEGIN PRIVATE KEY"), the one form that Go, OpenSSL, Java and Python all read, encrypted or not.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

from etcdpilot.model.certificates import KeyKind
from etcdpilot.model.errors import SpecError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SigningHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
PublicKey = PublicKeyTypes | CertificatePublicKeyTypes

CURVES: dict[int, type[ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}


def make_key(kind: KeyKind) -> PrivateKey:
    """A new key. Milliseconds and more for RSA, which searches for primes; 20 microseconds for ECDSA P-256."""
    if kind.algorithm == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=kind.size)
    return ec.generate_private_key(CURVES[kind.size]())


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """The key as PKCS#8, encrypted where a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def traditional_key_pem(key: PrivateKey) -> bytes:
    """The key as cfssl and older openssl write it: "BEGIN EC PRIVATE KEY" or "BEGIN RSA PRIVATE KEY"."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def load_key(pem: bytes, passphrase: bytes | None = None, *, source: str = "the key") -> PrivateKey:
    """Read a PEM key, RSA or ECDSA on one of the curves P-256, P-384, P-521; SpecError says what is wrong with it."""
    if passphrase and b"ENCRYPTED" not in pem:
        passphrase = None  # a passphrase that is not needed is no mistake
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except TypeError:
        raise SpecError(
            f"{source} is encrypted and no passphrase was given.", remedy="Give the passphrase and run it again."
        ) from None
    except Exception as error:  # ValueError, UnsupportedAlgorithm; some builds raise plain OpenSSL errors here
        if passphrase:
            raise SpecError(f"{source} cannot be read.", why="Its passphrase is another one.") from error
        raise SpecError(f"{source} is not a private key in PEM.", why=str(error)) from error
    return supported(key, source)


def supported(key: object, source: str) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, tuple(CURVES.values())):
        return key
    raise SpecError(
        f"{source} is neither RSA nor ECDSA on P-256, P-384 or P-521.",
        why=f"It is {type(key).__name__}, which not every client of etcd can use.",
    )


def signing_hash(key: PrivateKey) -> SigningHash:
    """A hash as strong as the key that signs."""
    size = key.key_size
    if isinstance(key, rsa.RSAPrivateKey):
        return hashes.SHA512() if size >= 4096 else hashes.SHA384() if size >= 3072 else hashes.SHA256()
    return hashes.SHA512() if size > 384 else hashes.SHA384() if size > 256 else hashes.SHA256()


def public_key_digest(key: PublicKey) -> str:
    """SHA-256 of the subject public key info: equal where a key and a certificate belong together."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()
