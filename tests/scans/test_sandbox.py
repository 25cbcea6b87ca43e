import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import RLELossless

from scans import limits
from scans.decoder import decode
from scans.decoder_process import decoders
from scans.errors import ScanFileError
from scans.sandbox import decode_file
from tests.dicom_files import black_png, breast, mammogram, png, rle_frame, write_dicom

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable


@pytest.fixture
def out_dir(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def own_server():
    """Each test starts the server that it looks at."""
    decoders.end()
    yield
    decoders.end()


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Put a script in the place of the decoder, to see what its parent makes of it."""

    def replace(script: str) -> None:
        body = textwrap.indent(script.strip(), "    ")
        path = tmp_path / "server.py"
        path.write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            "from scans import decoder, decoder_server\n\n"
            f"def main(source, folder):\n{body}\n    return 0\n\n"
            "decoder.main = main\ndecoder_server.main()\n"
        )
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
    """Decode in a process of its own; return the most memory that one below it took, too.

    The peak of a child counts from the size of its parent, so a test process that holds much
    cannot measure it.
    """
    script = """
import resource, sys
from pathlib import Path
from scans.decoder_process import decoders
from scans.errors import ScanFileError
from scans.sandbox import decode_file
try:
    header = decode_file(Path(sys.argv[1]), Path(sys.argv[2])).header
    outcome = header.rows * header.columns
except ScanFileError as error:
    outcome = error.code
decoders.end()  # its own peak, and that of those it waited for, are known from then on
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


# The server that decoders are forked from


def test_each_file_is_read_by_a_process_that_reads_no_other(child, tmp_path, out_dir):
    child("import os; print(os.getpid(), os.getppid()); sys.stdout.flush()")

    printed = [decoders.decode(tmp_path, out_dir)[1].split() for _ in range(3)]

    assert len({pid for pid, _ in printed}) == 3
    assert {int(parent) for _, parent in printed} == {decoders.server_pid}


def test_files_are_read_side_by_side(child, tmp_path, out_dir):
    meeting = tmp_path / "meeting"
    os.mkfifo(meeting)
    child(
        f"""
if source.endswith("first"):
    open({str(meeting)!r}).close()
else:
    open({str(meeting)!r}, "w").close()
"""
    )

    with ThreadPoolExecutor(2) as threads:
        ask = partial(decoders.decode, out_dir=out_dir)
        statuses = [status for status, _ in threads.map(ask, [Path("first"), Path("second")])]

    assert statuses == [0, 0]


def test_a_decoder_has_its_limits_and_holds_no_file_of_another(child, tmp_path, out_dir):
    child(
        """
import json, os, resource
kinds = ("AS", "CPU", "FSIZE", "CORE")
allowed = [resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1] for kind in kinds]
opened = sorted(int(each) for each in os.listdir("/proc/self/fd"))
print(json.dumps([allowed, opened, os.readlink("/proc/self/fd/0")]))
sys.stdout.flush()
"""
    )

    _, printed = decoders.decode(tmp_path, out_dir)

    allowed, opened, given = json.loads(printed)
    assert allowed == [
        limits.DECODER_MEMORY_BYTES,
        limits.DECODER_CPU_S,
        limits.DECODER_OUTPUT_BYTES,
        0,
    ]
    assert opened == [0, 1, 2, 3]  # the last lists this folder
    assert given == os.devnull


def test_the_server_has_the_libraries_and_their_limits(tmp_path, out_dir):
    decode_file(write_dicom(tmp_path / "source", mammogram()), out_dir)

    process = Path("/proc", str(decoders.server_pid))

    assert "imagecodecs" in (process / "maps").read_text()
    allowed = (process / "limits").read_text()
    assert f"Max address space         {limits.DECODER_MEMORY_BYTES}" in allowed


def test_a_server_that_died_is_replaced(tmp_path, out_dir):
    source = write_dicom(tmp_path / "source", mammogram())
    decode_file(source, out_dir)
    died = decoders.server_pid
    os.kill(died, signal.SIGKILL)
    os.waitid(os.P_PID, died, os.WEXITED | os.WNOWAIT)

    assert decode_file(source, out_dir).header == decode(source).header
    assert decoders.server_pid != died


def test_server_and_decoders_end_with_their_parent(child, tmp_path):
    pids = tmp_path / "pids"
    child(
        f"""
import os, pathlib, time
pathlib.Path({str(pids)!r}).write_text(f"{{os.getppid()}} {{os.getpid()}}")
time.sleep(60)
"""
    )
    script = f"""
import sys
sys.executable = {sys.executable!r}
from pathlib import Path
from scans.decoder_process import decoders
decoders.decode(Path("source"), Path("folder"))
"""
    parent = subprocess.Popen([PYTHON, "-c", script], cwd=ROOT)
    wait_until(lambda: pids.is_file() and len(pids.read_text().split()) == 2)

    parent.kill()
    parent.wait()

    wait_until(lambda: all(ended(int(pid)) for pid in pids.read_text().split()))


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
time.sleep(0 if source.endswith("first") else 60)
"""
    )
    decoders.decode(Path("first"), tmp_path)  # the server is there
    monkeypatch.setattr(limits, "DECODER_WALL_S", 1)
    started = time.monotonic()

    assert refusal_of(tmp_path).code == "decoder_limit"

    assert time.monotonic() - started < 30  # of the sixty that it would have slept
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
import pathlib
folder = pathlib.Path(folder)
for name in ("pixels.png", "display.jpg", "thumbnail.jpg"):
    (folder / name).write_bytes({content!r})
print({json.dumps(report)!r})
"""
    )

    assert refusal_of(tmp_path).code == "decoder_failed"


def test_link_in_the_place_of_a_picture(child, refusal_of, tmp_path):
    child(
        f"""
import pathlib
folder = pathlib.Path(folder)
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
