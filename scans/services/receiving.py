"""The bytes: received on disk, decoded in a process of their own, put away for good."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from mammotrack.errors import MammoTrackError, Rejected, TooLarge, Unavailable, UnsupportedMedia
from scans import limits
from scans.errors import ScanFileError
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


def put_away(received: ReceivedFile, decoded: DecodedFile) -> None:
    """Give the file and its pictures their lasting places."""
    store = object_store()
    store.commit(received)
    store.put_derived(received.sha256, decoded.pictures)


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
