import errno
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from scans import storage
from scans.errors import ScanFileError
from scans.storage import ObjectStore

CONTENT = b"a mammogram" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "store")


def files_of(store: ObjectStore) -> list[str]:
    return sorted(
        str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()
    )


def receive(store: ObjectStore, content: bytes = CONTENT):
    return store.receive([content[:100], content[100:]])


def test_received_file_is_hashed_and_waits_under_incoming(store):
    received = receive(store)

    assert (received.sha256, received.size) == (SHA256, len(CONTENT))
    assert received.path.read_bytes() == CONTENT
    assert received.path.parent == store.root / "incoming"
    assert received.path.suffix == ".part"


def test_committed_file_lies_under_its_hash(store):
    path = store.commit(receive(store))

    assert path == store.path_of(SHA256)
    assert path.read_bytes() == CONTENT
    assert files_of(store) == [f"objects/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"]


def test_nobody_else_may_read_and_nobody_write(store):
    path = store.commit(receive(store))

    assert path.stat().st_mode & 0o777 == 0o400
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_same_bytes_twice_are_one_object(store):
    first, second = receive(store), receive(store)

    assert store.commit(first) == store.commit(second)

    assert files_of(store) == [f"objects/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"]


def test_same_bytes_from_many_at_once_are_one_object(store):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: store.commit(receive(store)), range(24)))

    assert paths == {store.path_of(SHA256)}
    assert files_of(store) == [f"objects/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"]
    assert store.path_of(SHA256).read_bytes() == CONTENT


def test_commit_heals_an_object_that_was_damaged_on_disk(store):
    path = store.commit(receive(store))
    path.chmod(0o600)
    path.write_bytes(b"damaged")

    store.commit(receive(store))

    assert path.read_bytes() == CONTENT


def test_commit_is_on_disk_before_it_returns(store, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(("fsync", path.relative_to(store.root.parent).parts[1:2]))
        fsync(descriptor)

    def note_replace(source, target):
        steps.append(("rename", ()))
        return replace(source, target)

    store.commit(receive(store, b"earlier"))
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)

    store.commit(receive(store))

    assert steps[0] == ("fsync", ("incoming",))
    assert steps[-2:] == [("rename", ()), ("fsync", ("objects",))]


def test_discarded_file_is_gone(store):
    received = receive(store)

    store.discard(received)
    store.discard(received)

    assert files_of(store) == []


def test_discard_after_commit_keeps_the_object(store):
    received = receive(store)
    path = store.commit(received)

    store.discard(received)

    assert path.read_bytes() == CONTENT


def test_endless_stream_is_cut_off_at_the_limit(store):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1000)

    with pytest.raises(ScanFileError) as refused:
        store.receive(endless(), limit=10_000)

    assert (refused.value.code, refused.value.context) == ("file_too_large", {"limit": 10_000})
    assert taken == 11
    assert files_of(store) == []


def test_file_of_exactly_the_limit_is_received(store):
    assert store.receive([bytes(10_000)], limit=10_000).size == 10_000


@pytest.mark.parametrize("chunks", [[], [b"", b""]])
def test_empty_stream(store, chunks):
    with pytest.raises(ScanFileError) as refused:
        store.receive(chunks)

    assert refused.value.code == "empty_file"
    assert files_of(store) == []


def test_stream_that_breaks_off_leaves_nothing(store):
    def broken():
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.receive(broken())

    assert files_of(store) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_while_receiving(store, monkeypatch, number):
    kept = store.commit(receive(store, b"earlier"))

    def full(_: int) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(storage.os, "fsync", full)

    with pytest.raises(ScanFileError) as refused:
        receive(store)

    assert refused.value.code == "storage_full"
    assert files_of(store) == [str(kept.relative_to(store.root))]
    assert kept.read_bytes() == b"earlier"


def test_full_disk_while_committing(store, monkeypatch):
    received = receive(store)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "mkdir", full)

    with pytest.raises(ScanFileError) as refused:
        store.commit(received)

    assert refused.value.code == "storage_full"
    assert not store.path_of(SHA256).exists()
    assert received.path.read_bytes() == CONTENT


def test_other_trouble_of_the_disk_is_not_the_files_fault(store, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(storage.os, "fsync", broken)

    with pytest.raises(OSError, match="broken"):
        receive(store)

    assert files_of(store) == []


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "pixels.png").write_bytes(b"pixels")
    (folder / "display.jpg").write_bytes(b"display")
    return {path.name: path for path in folder.iterdir()}


def test_derived_files_lie_beside_each_other(store, pictures):
    folder = store.put_derived(SHA256, pictures)

    assert folder == store.root / "derived" / SHA256[:2] / SHA256[2:4] / SHA256
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "display.jpg",
        "pixels.png",
    ]
    assert store.derived_path(SHA256, "pixels.png").read_bytes() == b"pixels"
    assert pictures["pixels.png"].exists()


def test_derived_files_may_be_given_as_bytes(store):
    store.put_derived(SHA256, {"ssim_map.png": b"map", "histogram.json": b"{}"})

    assert store.derived_path(SHA256, "ssim_map.png").read_bytes() == b"map"


def test_derived_files_are_replaced(store, pictures):
    store.put_derived(SHA256, pictures)
    pictures["pixels.png"].write_bytes(b"new")

    store.put_derived(SHA256, pictures)

    assert store.derived_path(SHA256, "pixels.png").read_bytes() == b"new"


def test_F21_a_derived_file_is_read_only_as_it_was_stored(store, pictures):
    store.put_derived(SHA256, pictures)
    assert store.checked_path(SHA256, "pixels.png").read_bytes() == b"pixels"

    store.derived_path(SHA256, "pixels.png").write_bytes(b"pixelz")
    store.derived_path(SHA256, "display.jpg").unlink()

    for name in ["pixels.png", "display.jpg", "never_made.png"]:
        with pytest.raises(ScanFileError) as refused:
            store.checked_path(SHA256, name)
        assert refused.value.code == "damaged_file"


@pytest.mark.parametrize(
    "name", ["../pixels.png", "a/b.png", ".hidden", "", "Pixels.PNG", "a.png\n"]
)
def test_A6_names_reach_no_other_place(store, pictures, name):
    with pytest.raises(ValueError, match="SHA-256"):
        store.derived_path(SHA256, name)
    with pytest.raises(ValueError, match="SHA-256"):
        store.put_derived(SHA256, {name: pictures["pixels.png"]})


@pytest.mark.parametrize(
    "sha256", ["", "../../etc/passwd", SHA256[:-1], SHA256.upper(), SHA256 + "\n"]
)
def test_A6_only_a_hash_names_an_object(store, sha256):
    with pytest.raises(ValueError, match="SHA-256"):
        store.path_of(sha256)


def test_sweep_removes_what_broke_long_ago(store):
    old, fresh = receive(store), receive(store)
    scratch = store.root / "incoming" / "decode-abc"
    scratch.mkdir()
    (scratch / "pixels.png").write_bytes(b"half")
    kept = store.commit(receive(store, b"earlier"))
    long_ago = time.time() - 7200
    for path in (old.path, scratch, kept):
        os.utime(path, (long_ago, long_ago))

    assert store.sweep_incoming(older_than=timedelta(hours=1)) == 2

    assert files_of(store) == sorted(
        str(path.relative_to(store.root)) for path in (fresh.path, kept)
    )
    assert not scratch.exists()


def test_sweep_of_a_new_store(store):
    assert store.sweep_incoming(older_than=timedelta()) == 0
