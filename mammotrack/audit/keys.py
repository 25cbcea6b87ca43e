"""Keys of the audit trail. All lie outside the database, in files only their owner can read.

::

    mac_keys                     one "id secret" a line; the last one seals, all of them verify
    anchor_key, anchor_key.pub   Ed25519, in hexadecimal; the second may be given to anybody
    patient_keys/ab/<id>         AES-256 for what an entry says about one person

Several machines that write one trail share this folder, or set AUDIT_KEYS alike.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mammotrack.errors import Conflict

KEY_BYTES = 32
NONCE_BYTES = 12


class PatientErased(Conflict):
    """The patient's key is destroyed: what it kept cannot be read, and nothing is added."""

    code = "patient_erased"


def folder() -> Path:
    return Path(settings.AUDIT_DIR)


# --- Seals ------------------------------------------------------------------------------------


def mac_keys() -> dict[str, bytes]:
    """Every key by its id, the newest last."""
    if settings.AUDIT_KEYS:
        lines = [item.partition(":")[::2] for item in settings.AUDIT_KEYS]
    else:
        text = _kept(folder() / "mac_keys", lambda: _mac_key_line(1)).read_text()
        lines = [line.partition(" ")[::2] for line in text.splitlines()]
    keys = {name: secret.encode() for name, secret in lines}
    if any(not name or len(secret) < KEY_BYTES for name, secret in keys.items()):
        raise ImproperlyConfigured("A key of the audit trail is shorter than 32 characters.")
    return keys


def rotate_mac_key() -> str:
    """Add a key that seals from now on; returns its id."""
    if settings.AUDIT_KEYS:
        raise ImproperlyConfigured("The keys come from AUDIT_KEYS: add one at its end.")
    count = len(mac_keys())
    file = folder() / "mac_keys"
    draft = _draft(file, file.read_text() + _mac_key_line(count + 1))
    draft.replace(file)
    return f"k{count + 1}"


def _mac_key_line(number: int) -> str:
    return f"k{number} {secrets.token_hex(KEY_BYTES)}\n"


# --- Anchors ----------------------------------------------------------------------------------


def sign(message: bytes) -> str:
    return _signing_key().sign(message).hex()


def is_signed(message: bytes, signature: str) -> bool:
    """Whether this installation signed it; asks for the public key only."""
    public = folder() / "anchor_key.pub"
    if not public.exists():
        _signing_key()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public.read_text().strip()))
    try:
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signing_key() -> Ed25519PrivateKey:
    file = _kept(folder() / "anchor_key", lambda: secrets.token_hex(KEY_BYTES) + "\n")
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text().strip()))
    _kept(folder() / "anchor_key.pub", lambda: key.public_key().public_bytes_raw().hex() + "\n")
    return key


# --- Patients ---------------------------------------------------------------------------------


def encrypt(text: bytes, *, patient_id: UUID, entry_id: str) -> bytes:
    """Under the patient's own key, bound to the entry: a nonce, then AES-GCM."""
    file = _kept(_patient_file(patient_id), lambda: secrets.token_hex(KEY_BYTES))
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_patient_key(file)).encrypt(nonce, text, entry_id.encode())


def decrypt(sealed: bytes, *, patient_id: UUID, entry_id: str) -> bytes:
    """Raises PatientErased after the key is gone, ValueError for what was not sealed so."""
    file = _patient_file(patient_id)
    if not file.exists():
        raise PatientErased("The key of this patient does not exist.")
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(_patient_key(file)).decrypt(nonce, text, entry_id.encode())
    except InvalidTag as error:
        raise ValueError("This was not sealed for this entry of this patient.") from error


def destroy_patient_key(patient_id: UUID) -> None:
    """For good: the empty file that stays keeps a new key from being made."""
    file = _patient_file(patient_id)
    if file.exists():
        file.chmod(0o600)
        with file.open("r+b") as stream:
            stream.write(b"0" * file.stat().st_size)
            os.fsync(stream.fileno())
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _draft(file, "").replace(file)
    fsync_folder(file.parent)


def _patient_key(file: Path) -> bytes:
    text = file.read_text()
    if not text:
        raise PatientErased("This patient is erased.")
    return bytes.fromhex(text)


def _patient_file(patient_id: UUID) -> Path:
    return folder() / "patient_keys" / patient_id.hex[:2] / patient_id.hex


# --- Files ------------------------------------------------------------------------------------


def _kept(file: Path, make: Callable[[], str]) -> Path:
    """The file; the first of several that find it missing makes it."""
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = _draft(file, make())
    try:
        os.link(draft, file)  # atomic, and refuses to replace
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    fsync_folder(file.parent)
    return file


def _draft(file: Path, content: str) -> Path:
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return draft


def fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
