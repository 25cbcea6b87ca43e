"""The bytes: received on disk, decoded in a process of their own, put away for good."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from django.conf import settings

from mammotrack.errors import MammoTrackError, Rejected, TooLarge, Unavailable, UnsupportedMedia
from scans import limits
from scans.choices import UnmatchedState
from scans.errors import ScanFileError
from scans.models import Mammogram, UnmatchedFile
from scans.sandbox import DecodedFile, decode_file
from scans.storage import ObjectStore, ReceivedFile


@cache
def object_store() -> ObjectStore:
    return ObjectStore(Path(settings.MEDIA_ROOT))


@contextmanager
def received_file(chunks: Iterable[bytes]) -> Iterator[ReceivedFile]:
    """The stream on disk, removed at the end unless it was committed. Errors are our own."""
    with _file_errors():
        store = object_store()
        received = store.receive(chunks, limit=limits.MAX_FILE_BYTES)
        try:
            yield received
        finally:
            store.discard(received)


@contextmanager
def decoded_file(received: ReceivedFile) -> Iterator[DecodedFile]:
    """What the decoder process makes of it; the pictures go at the end."""
    scratch = TemporaryDirectory(dir=object_store().scratch_folder(), prefix="decode-")
    with _file_errors(), scratch as folder:
        yield decode_file(received.path, Path(folder))


@contextmanager
def put_away(received: ReceivedFile, decoded: DecodedFile) -> Iterator[None]:
    """The file and its pictures in their lasting places, while the record of them is written.

    What is refused a record is removed again.
    """
    store = object_store()
    with store.held(received.sha256):
        store.commit(received)
        store.put_derived(received.sha256, decoded.pictures)
        try:
            yield
        except MammoTrackError:
            if not in_use(received.sha256):
                store.remove(received.sha256)
            raise


def remove_unused(sha256: str, *, but_for: Collection[UUID] = ()) -> None:
    """Delete an object, unless a record of another patient than these rests on it."""
    store = object_store()
    with store.held(sha256):
        if not in_use(sha256, but_for=but_for):
            store.remove(sha256)


def in_use(sha256: str, *, but_for: Collection[UUID] = ()) -> bool:
    """Whether a mammogram or a waiting file of any clinic rests on the object."""
    waiting = UnmatchedFile.objects.filter(sha256=sha256, state=UnmatchedState.WAITING)
    mammograms = Mammogram.objects.filter(sha256=sha256).exclude(patient__in=list(but_for))
    return waiting.exists() or mammograms.exists()


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except ScanFileError as error:
        raise _as_ours(error) from error


def _as_ours(error: ScanFileError) -> MammoTrackError:
    kinds: dict[str, type[MammoTrackError]] = {
        "file_too_large": TooLarge,
        "unsupported_file_type": UnsupportedMedia,
        "storage_full": Unavailable,
    }
    return kinds.get(error.code, Rejected)(error.detail, code=error.code, **error.context)
