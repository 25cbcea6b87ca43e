import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import RLELossless

from scans import limits
from scans.decoder import decode
from scans.decoder_process import spares
from scans.errors import ScanFileError
from scans.sandbox import decode_file
from tests.dicom_files import black_png, breast, mammogram, png, rle_frame, write_dicom

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def out_dir(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_spares(monkeypatch):
    """Each test starts the children that it looks at."""
    monkeypatch.setattr(limits, "SPARE_DECODERS_AFTER_S", 3600)
    spares.end()
    yield
    spares.end()


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Put a script in the place of the decoder, to see what its parent makes of it."""

    def replace(script: str) -> None:
        path = tmp_path / "child.py"
        path.write_text(f"import json, sys\nsys.argv[1:] = json.loads(input())\n{script}")
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\nexec {sys.executable} {path}\n")
        program.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(program))

    return replace


@pytest.fixture
def refusal_of(out_dir, tmp_path):
    def decode_and_check(source: Path) -> ScanFileError:
        with pytest.raises(ScanFileError) as refused:
            decode_file(source, out_dir)
        assert list(out_dir.iterdir()) == []
        return refused.value

    return decode_and_check


def test_decoded_file_is_what_the_decoder_reads(tmp_path, out_dir):
    source = write_dicom(tmp_path / "source", mammogram())

    decoded = decode_file(source, out_dir)

    picture = decode(source)
    assert decoded.header == picture.header
    assert decoded.pixel_sha256 == picture.pixel_sha256()
    assert list(decoded.pictures) == ["pixels.png", "display.jpg", "thumbnail.jpg"]
    with Image.open(decoded.pixels) as written:
        assert np.array_equal(np.asarray(written), picture.presentation)


def test_relative_paths_are_the_callers(tmp_path, out_dir, monkeypatch):
    (tmp_path / "source").write_bytes(png(breast(bits=8)))
    monkeypatch.chdir(tmp_path)

    decoded = decode_file(Path("source"), Path("out"))

    assert decoded.pixels.resolve() == out_dir / "pixels.png"


def test_refusal_of_the_child_is_raised_and_nothing_stays(tmp_path, refusal_of):
    source = write_dicom(tmp_path / "source", mammogram(Rows=9000))

    error = refusal_of(source)

    assert (error.code, error.context) == ("pixel_limit", {"rows": 9000, "columns": 80})


def test_giant_png_is_refused_in_little_memory(tmp_path, out_dir):
    source = tmp_path / "giant.png"
    source.write_bytes(black_png(10_000, 10_000))

    outcome, peak_mb = outcome_and_peak(source, out_dir)

    assert outcome == "pixel_limit"
    assert peak_mb < 100


def test_largest_allowed_picture_fits_into_the_limits(tmp_path, out_dir):
    source = tmp_path / "largest.png"
    source.write_bytes(black_png(8000, 5000))

    outcome, peak_mb = outcome_and_peak(source, out_dir)

    assert outcome == str(limits.MAX_PIXELS)
    assert peak_mb < 500


def outcome_and_peak(source: Path, out_dir: Path) -> tuple[str, int]:
    """Decode in a process whose only child is the decoder; return the child's peak memory too.

    The peak of a child counts from the size of its parent, so a test process that holds much
    cannot measure it.
    """
    script = """
import resource, sys
from pathlib import Path
from scans.errors import ScanFileError
from scans.sandbox import decode_file
try:
    header = decode_file(Path(sys.argv[1]), Path(sys.argv[2])).header
    outcome = header.rows * header.columns
except ScanFileError as error:
    outcome = error.code
print(outcome, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""
    command = [sys.executable, "-c", script, str(source), str(out_dir)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    outcome, peak_mb = finished.stdout.split()
    return outcome.decode(), int(peak_mb)


def test_bomb_that_passes_the_gate_meets_the_memory_limit(tmp_path, refusal_of):
    segment = b"\x81\xff" * 13_000_000  # 26 MB that unfold to 1.7 GB
    source = write_dicom(
        tmp_path / "bomb",
        mammogram(),
        transfer_syntax=RLELossless,
        frame=rle_frame([segment, b"\0\0"]),
    )

    assert refusal_of(source).code == "decoder_limit"


def test_text_named_png(tmp_path, refusal_of):
    source = tmp_path / "picture.png"
    source.write_text("not a picture")

    assert refusal_of(source).code == "unsupported_file_type"


# The child that waits for the next file


def test_each_file_is_read_by_a_process_that_reads_no_other(tmp_path, out_dir, monkeypatch):
    monkeypatch.setattr(limits, "SPARE_DECODERS", 1)
    source = write_dicom(tmp_path / "source", mammogram())
    spares.refill()
    (waiting,) = spares.pids

    decoded = decode_file(source, out_dir)

    assert decoded.header == decode(source).header
    assert spares.pids == []
    with pytest.raises(ProcessLookupError):
        os.kill(waiting, 0)


def test_used_children_are_replaced_when_uploads_rest(tmp_path, out_dir, monkeypatch):
    monkeypatch.setattr(limits, "SPARE_DECODERS_AFTER_S", 0.1)

    decode_file(write_dicom(tmp_path / "source", mammogram()), out_dir)

    wait_until(lambda: len(spares.pids) == limits.SPARE_DECODERS)


def test_a_waiting_child_has_its_limits_and_its_libraries():
    spares.refill()
    process = Path("/proc", str(spares.pids[0]))

    wait_until(lambda: "imagecodecs" in (process / "maps").read_text())

    allowed = (process / "limits").read_text()
    assert f"Max address space         {limits.DECODER_MEMORY_BYTES}" in allowed
    assert f"Max cpu time              {limits.DECODER_CPU_S}" in allowed


def test_a_spare_that_died_is_not_given_a_file(tmp_path, out_dir):
    source = write_dicom(tmp_path / "source", mammogram())
    spares.refill()
    for pid in spares.pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(ended(pid) for pid in spares.pids))

    assert decode_file(source, out_dir).header == decode(source).header


def test_a_waiting_child_ends_with_its_parent():
    script = """
import os
from scans.decoder_process import spares
spares.refill()
print(spares.pids[0], flush=True)
os._exit(0)
"""
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout

    wait_until(lambda: ended(int(printed)))


def ended(pid: int) -> bool:
    """Gone, or a zombie that nobody has asked about yet."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# The parent against a child that misbehaves


@pytest.mark.parametrize(
    "script",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
while True:
    pass
""",
    ],
    ids=["crash", "killed", "processor time"],
)
def test_child_ended_by_a_signal(child, refusal_of, tmp_path, script):
    child(script)

    assert refusal_of(tmp_path).code == "decoder_limit"


def test_child_that_hangs_is_killed(child, refusal_of, tmp_path, monkeypatch):
    pid_file = tmp_path / "pid"
    child(
        f"""
import os, pathlib, time
pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    )
    monkeypatch.setattr(limits, "DECODER_WALL_S", 1)
    started = time.monotonic()

    assert refusal_of(tmp_path).code == "decoder_limit"

    assert time.monotonic() - started < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


REPORT = {
    "header": {"file_format": "PNG", "rows": 64, "columns": 64, "bits_stored": 8},
    "pixel_sha256": "0" * 64,
}


@pytest.mark.parametrize(
    "script",
    [
        "raise SystemExit(1)",
        "print('no json')",
        "print('[]')",
        "print('{}')",
        "print('x' * 100_000)",
        f"print({json.dumps(REPORT)!r})",
        f"print({json.dumps(REPORT | {'pixel_sha256': 'zz'})!r})",
        f"print({json.dumps(REPORT | {'header': {'rows': 1}})!r})",
        """print('{"error": {"code": "made_up", "detail": "", "context": {}}}')""",
        """print('{"error": {"code": "charset"}}')""",
        """print('{"error": 5}')""",
    ],
)
def test_report_that_makes_no_sense(child, refusal_of, tmp_path, script):
    child(script)

    assert refusal_of(tmp_path).code == "decoder_failed"


@pytest.mark.parametrize("rows", [64, "64"])
@pytest.mark.parametrize(
    "content", [b"", png(breast(64, 65, bits=8)), png(breast(64, 64, bits=16))]
)
def test_pictures_other_than_announced(child, refusal_of, tmp_path, rows, content):
    report = REPORT | {"header": REPORT["header"] | {"rows": rows}}
    child(
        f"""
import pathlib, sys
folder = pathlib.Path(sys.argv[2])
for name in ("pixels.png", "display.jpg", "thumbnail.jpg"):
    (folder / name).write_bytes({content!r})
print({json.dumps(report)!r})
"""
    )

    assert refusal_of(tmp_path).code == "decoder_failed"


def test_link_in_the_place_of_a_picture(child, refusal_of, tmp_path):
    child(
        f"""
import pathlib, sys
folder = pathlib.Path(sys.argv[2])
(folder / "pixels.png").write_bytes({png(breast(64, 64, bits=8))!r})
(folder / "display.jpg").symlink_to("/etc/passwd")
(folder / "thumbnail.jpg").symlink_to("/etc/passwd")
print({json.dumps(REPORT)!r})
"""
    )

    assert refusal_of(tmp_path).code == "decoder_failed"


def test_child_sees_nothing_of_our_environment(child, refusal_of, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "secret")
    seen = tmp_path / "seen"
    child(f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))")

    refusal_of(tmp_path)

    assert "secret" not in seen.read_text()
