"""A store of files named by the hash of their content, on one file system.

Layout below the root::

    incoming/<random>.part               what is being received
    objects/aa/bb/<sha256>               files as they came
    derived/aa/bb/<sha256>/<name>        pictures made from them
    derived/aa/bb/<sha256>/SHA256SUMS    their hashes, as sha256sum -c reads them
    lost+found/<name>                    what belonged to nothing; nothing is ever deleted from it
    locks/aa                             empty; held while an object's record is written or sought

A file appears under its name complete or not at all: it is written to ``incoming``, fsynced,
renamed, and the folder that holds the name is fsynced. What a crash leaves is swept.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO

from scans import limits
from scans.errors import ScanFileError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DERIVED_NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9]+")
SUMS = "SHA256SUMS"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o400


@dataclass(frozen=True)
class ReceivedFile:
    """Bytes that are safe on disk and belong to nothing yet: commit or discard them."""

    path: Path
    sha256: str
    size: int


class ObjectStore:
    """See the module. Every method may be called by several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / "incoming"

    def receive(
        self, chunks: Iterable[bytes], *, limit: int = limits.MAX_FILE_BYTES
    ) -> ReceivedFile:
        """Write a stream to disk while hashing it.

        Raises
        ------
        ScanFileError
            ``file_too_large`` as soon as the limit is passed, ``empty_file``, ``storage_full``.
            Nothing stays behind, nor when the stream itself breaks off.
        """
        digest = hashlib.sha256()
        size = 0
        with self._part() as (path, file):
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise ScanFileError(
                        "file_too_large", "The file is larger than allowed.", limit=limit
                    )
                digest.update(chunk)
                file.write(chunk)
            if not size:
                raise ScanFileError("empty_file", "The file is empty.")
        return ReceivedFile(path, digest.hexdigest(), size)

    def commit(self, received: ReceivedFile) -> Path:
        """Give received bytes their lasting name; done twice, the same bytes are there once."""
        target = self.path_of(received.sha256)
        with _storage_errors():
            _move(received.path, target)
        return target

    def discard(self, received: ReceivedFile) -> None:
        """Remove what was received and not committed; does nothing after a commit."""
        received.path.unlink(missing_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Where the object with this hash is or would be."""
        return self._place("objects", sha256)

    def scratch_folder(self) -> Path:
        """Where passing files may be made; what is left there is swept."""
        _make_folder(self._incoming)
        return self._incoming

    def put_derived(self, sha256: str, files: Mapping[str, Path | bytes]) -> Path:
        """Keep files made from an object beside each other, replacing those of the same name.

        Their hashes are written last: a file without its hash is not shown. The names are made
        to last together, since whatever of them a crash takes away no longer fits the hashes.
        """
        folder = self._place("derived", sha256)
        targets = [folder / _checked(name, _DERIVED_NAME) for name in files]
        sums = hashes_in(folder)
        with _storage_errors():
            _make_folder(folder)
            for target, content in zip(targets, files.values(), strict=True):
                with _opened(content) as source, self._part() as (path, file):
                    sums[target.name] = hashlib.file_digest(source, "sha256").hexdigest()
                    source.seek(0)
                    shutil.copyfileobj(source, file)
                path.replace(target)
            with self._part() as (path, file):
                file.writelines(f"{sums[name]}  {name}\n".encode() for name in sorted(sums))
            path.replace(folder / SUMS)
            _fsync_folder(folder)
        return folder

    def derived_folder(self, sha256: str) -> Path:
        """Where the files made from an object are or would be."""
        return self._place("derived", sha256)

    def derived_path(self, sha256: str, name: str) -> Path:
        """Where a derived file is or would be."""
        return self.derived_folder(sha256) / _checked(name, _DERIVED_NAME)

    def checked_path(self, sha256: str, name: str) -> Path:
        """Where a derived file is, once it was held against its hash.

        Raises
        ------
        ScanFileError
            ``damaged_file``: it is missing, or its bytes are not those that were stored.
        """
        path = self.derived_path(sha256, name)
        found = hash_of_file(path)
        if found is None or found != hashes_in(path.parent).get(name):
            raise ScanFileError("damaged_file", "A stored picture is not what was stored.")
        return path

    @contextmanager
    def held(self, sha256: str) -> Iterator[None]:
        """Alone with this object, among all processes: it is not deleted while its record is being
        written, and no record of it appears between looking for one and deleting it.
        """
        place = self.root / "locks" / _checked(sha256, _SHA256)[:2]
        _make_folder(place.parent)
        with place.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def remove(self, sha256: str) -> None:
        """Delete an object and what was made from it: what nobody may keep, and nothing else."""
        self.path_of(sha256).unlink(missing_ok=True)
        shutil.rmtree(self._place("derived", sha256), ignore_errors=True)

    def entries(self, kind: str) -> Iterator[Path]:
        """Every file of ``objects`` or every folder of ``derived``, by name."""
        for first in _listed(self.root / kind):
            for second in _listed(first):
                yield from _listed(second)

    def set_aside(self, path: Path) -> None:
        """Move a stray to ``lost+found``, under its own name."""
        folder = self.root / "lost+found"
        _make_folder(folder)
        path.rename(folder / f"{path.name}.{uuid.uuid4().hex[:8]}")

    def sweep_incoming(self, *, older_than: timedelta) -> int:
        """Remove what broken uploads left behind and return how many entries went."""
        if not self._incoming.exists():
            return 0
        newest = time.time() - older_than.total_seconds()
        stale = [path for path in self._incoming.iterdir() if _modified_at(path) < newest]
        for path in stale:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(stale)

    @contextmanager
    def _part(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Open a new file under ``incoming``: fsynced at the end, removed on any error."""
        with ExitStack() as undo, _storage_errors():
            _make_folder(self._incoming)
            path = self._incoming / f"{uuid.uuid4().hex}.part"
            undo.callback(path.unlink, missing_ok=True)
            with path.open("xb") as file:
                os.fchmod(file.fileno(), _FILE_MODE)
                yield path, file
                file.flush()
                os.fsync(file.fileno())
            undo.pop_all()

    def _place(self, kind: str, sha256: str) -> Path:
        _checked(sha256, _SHA256)
        return self.root / kind / sha256[:2] / sha256[2:4] / sha256


def read_verified(path: Path) -> bytes:
    """The bytes of a derived file, which are those that were stored.

    Raises FileNotFoundError, and ScanFileError ``damaged_file`` for other bytes.
    """
    content = path.read_bytes()
    if hashes_in(path.parent).get(path.name) != hashlib.sha256(content).hexdigest():
        raise ScanFileError("damaged_file", "A stored picture is not what was stored.")
    return content


def hashes_in(folder: Path) -> dict[str, str]:
    """What the files of a derived folder were when they were stored, by name."""
    try:
        lines = (folder / SUMS).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def hash_of_file(path: Path) -> str | None:
    """SHA-256 of the content, read in pieces; None if there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _opened(content: Path | bytes) -> BytesIO | BufferedReader:
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _checked(name: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(name):
        raise ValueError("A name in the store is a SHA-256 or a plain lower-case file name.")
    return name


def _move(source: Path, target: Path) -> None:
    _make_folder(target.parent)
    source.replace(target)
    _fsync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a crash."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _modified_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:  # taken by its own upload in the meantime
        return time.time()


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ScanFileError("storage_full", "The server has no room left on disk.") from error
        raise
