"""The one module that seals and opens vectors and selfies.

Each student (and each class session, for its probes) has a data key of its own, wrapped by the master key. Deleting the
wrapped key makes all that it sealed unreadable, also in a later backup's files; an earlier backup holds that key until
it is deleted itself. Rotating the master key re-wraps keys only.

Source: AES-256-GCM, NIST SP 800-38D; 96-bit random nonces, one data key seals far fewer than 2**32 messages.
"""

import base64
import hashlib
import hmac
import os
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from numpy.typing import NDArray

_NONCE_BYTES: Final = 12
_KEY_BITS: Final = 256


class SealBroken(Exception):
    """Sealed bytes cannot be opened: another key, other associated data, or changed bytes."""


class KeyNotAtHand(SealBroken):
    """A data key opens with none of the master keys at hand: MASTER_KEY is not the one it was wrapped with."""


def _master_keys() -> list[AESGCM]:
    return [AESGCM(base64.b64decode(key)) for key in [settings.MASTER_KEY, *settings.OLD_MASTER_KEYS]]


def seal(plain: bytes, *, key: bytes, context: str) -> bytes:
    """Encrypt bytes.

    Args:
        plain: what to hide.
        key: a data key (32 bytes), unwrapped.
        context: associated data that must be the same on opening, such as ``template:17:sface-v1``.

    Returns:
        nonce and ciphertext with its tag.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def open_sealed(sealed: bytes, *, key: bytes, context: str) -> bytes:
    """Decrypt what ``seal`` made.

    Raises:
        SealBroken: another key or context, or changed bytes.
    """
    sealed = bytes(sealed)
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except InvalidTag as error:
        raise SealBroken(f"Sealed bytes for {context} do not open.") from error


def new_wrapped_key(*, context: str) -> bytes:
    """Make a data key and give it wrapped by the master key.

    Args:
        context: whose key it is, such as ``student:17``.
    """
    return wrap_key(AESGCM.generate_key(_KEY_BITS), context=context)


def wrap_key(key: bytes, *, context: str) -> bytes:
    """Wrap a data key with today's master key."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _master_keys()[0].encrypt(nonce, key, context.encode())


def unwrap_key(wrapped: bytes, *, context: str) -> bytes:
    """Unwrap a data key with the master key or one of those it replaced.

    Raises:
        KeyNotAtHand: no master key at hand opens it.
    """
    wrapped = bytes(wrapped)
    for master in _master_keys():
        try:
            return master.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            continue
    raise KeyNotAtHand(
        f"No master key at hand opens the key of {context}: MASTER_KEY is not the one that it was sealed with."
    )


def sign(data: bytes, *, purpose: str) -> str:
    """Give the mark of today's master key on bytes that are not secret, such as a backup's manifest."""
    return _mark(settings.MASTER_KEY, data, purpose)


def is_signed(data: bytes, mark: str, *, purpose: str) -> bool:
    """Whether the mark is that of the master key, or of one that it replaced."""
    marks = [_mark(key, data, purpose) for key in [settings.MASTER_KEY, *settings.OLD_MASTER_KEYS]]
    return any(hmac.compare_digest(mark.strip().encode(), one.encode()) for one in marks)


def _mark(key: str, data: bytes, purpose: str) -> str:
    return hmac.new(base64.b64decode(key), purpose.encode() + b":" + data, hashlib.sha256).hexdigest()


def seal_embedding(embedding: NDArray[np.float32], *, key: bytes, context: str) -> bytes:
    """Seal a vector, float32 (d,)."""
    return seal(np.ascontiguousarray(embedding, dtype="<f4").tobytes(), key=key, context=context)


def open_embedding(sealed: bytes, *, key: bytes, context: str) -> NDArray[np.float32]:
    """Open a sealed vector, float32 (d,).

    Raises:
        SealBroken: another key or context, or changed bytes.
    """
    return np.frombuffer(open_sealed(sealed, key=key, context=context), dtype="<f4").astype(np.float32)
