"""The steps from two files to stored pictures, timed: the product's, and the alternative's."""

import hashlib
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TypeVar

import cv2
import SimpleITK as sitk

from analysis.imaging.comparison import compare_breasts
from analysis.imaging.render import comparison_pictures
from analysis.inference import classifier
from analysis.pipeline import Picture, prepare_pair
from benchmarks import alternative_simpleitk as alternative
from benchmarks.full_size_pair import FullSizePair
from scans.decoder_process import decoders
from scans.sandbox import decode_file
from scans.storage import ObjectStore

CORES = 2
UPLOAD_CHUNK = 64 * 1024
WATCHED_EVERY_S = 0.005
GAVE_UP = "gave up"

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass
class Clock:
    """Wall seconds of each step of one pair."""

    laps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.laps[name] = time.perf_counter() - started


Way = Callable[[FullSizePair, Path, Clock], str]


def ours(pair: FullSizePair, folder: Path, clock: Clock) -> str:
    """Take both files in at once, as two uploads, then do what the worker does."""
    return _ours(pair, folder, clock, classify=False)


def ours_with_classifier(pair: FullSizePair, folder: Path, clock: Clock) -> str:
    return _ours(pair, folder, clock, classify=True)


def _ours(pair: FullSizePair, folder: Path, clock: Clock, *, classify: bool) -> str:
    store = ObjectStore(folder)
    with clock.step("receive and hash"):
        received = _both(lambda path: store.receive(_chunks(path)), (pair.prior, pair.current))
    with TemporaryDirectory(dir=folder) as scratch:
        with clock.step("decode in the sandbox"):
            decoded = _both(
                lambda file: decode_file(file.path, _made(Path(scratch) / file.sha256)), received
            )
        with clock.step("store films"):
            _both(
                lambda made: store.put_derived(made[0].sha256, made[1].pictures),
                zip(received, decoded, strict=True),
            )
            _both(store.commit, received)
    prior, current = (
        Picture(
            store.derived_path(file.sha256, "pixels.png"),
            pair.spacing_mm,
            pair.laterality,
            pair.view,
        )
        for file in received
    )
    with clock.step("read and prepare"):
        earlier, later = prepare_pair(prior=prior, current=current)
    if classify:
        with clock.step("classify both films"):
            for each in (earlier, later):
                classifier().classify(each)
    with clock.step("register and compare"):
        change = compare_breasts(prior=earlier, current=later)
    with clock.step("render"):
        pictures = comparison_pictures(prior=earlier, current=later, change=change)
    with clock.step("store pictures"):
        store.put_derived(hashlib.sha256(pair.name.encode()).hexdigest(), pictures)
    return change.verdict


def simpleitk(pair: FullSizePair, folder: Path, clock: Clock) -> str:
    with clock.step("read"):
        pixels = _both(alternative.read_film, (pair.prior, pair.current))
    with clock.step("store films"):
        _both(
            lambda each: alternative.write_film(folder, name=each[0], pixels=each[1]),
            zip(("prior", "current"), pixels, strict=True),
        )
    with clock.step("prepare"):
        prior, current = _both(
            lambda film: alternative.prepare_film(film, spacing_mm=pair.spacing_mm), pixels
        )
    try:
        with clock.step("register and compare"):
            found = alternative.compare_films(prior, current)
    except RuntimeError:  # ITK loses the overlap now and then, on pairs that it registered before
        return GAVE_UP
    with clock.step("render and store pictures"):
        alternative.write_pictures(
            folder, prior=prior, current=current, current_pixels=pixels[1], found=found
        )
    return f"SSIM {found.ssim:.2f}"


WAYS: dict[str, Way] = {
    "MammoTrack": ours,
    "MammoTrack with the classifier": ours_with_classifier,
    "SimpleITK and scikit-image": simpleitk,
}


@dataclass(frozen=True)
class Measured:
    """Runs of one way.

    Attributes
    ----------
    laps : list of dict of str to float
        Wall seconds of each step, one entry a run.
    cpu_s : float
        Processor time a run, of all processes.
    peak_mb : float
        Most memory resident at once, this process and its decoders together.
    verdicts : list of str
        One a pair.
    gave_up : int
        Timed runs that ended without a registration; they have no laps.
    """

    laps: list[dict[str, float]]
    cpu_s: float
    peak_mb: float
    verdicts: list[str]
    gave_up: int


def measure(way: str, pairs: Sequence[FullSizePair], *, rounds: int) -> Measured:
    """Run a way over all pairs: once to warm up while memory is watched, then timed."""
    cv2.setNumThreads(CORES)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(CORES)
    with TemporaryDirectory(prefix="mammotrack-") as folder:
        with _memory_watched() as seen:
            verdicts = [WAYS[way](pair, Path(folder), Clock()) for pair in pairs]
        laps = []
        started = _cpu_s()
        for _ in range(rounds):
            for pair in pairs:
                clock = Clock()
                if WAYS[way](pair, Path(folder), clock) != GAVE_UP:
                    laps.append(clock.laps)
        decoders.end()
        runs = rounds * len(pairs)
        cpu_s = (_cpu_s() - started) / runs
    return Measured(laps, cpu_s, max(seen) / 1e6, verdicts, gave_up=runs - len(laps))


def _both(
    function: Callable[[Argument], Result], arguments: Iterable[Argument]
) -> tuple[Result, Result]:
    with ThreadPoolExecutor(CORES) as threads:
        first, second = threads.map(function, arguments)
    return first, second


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(UPLOAD_CHUNK):
            yield chunk


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@contextmanager
def _memory_watched() -> Iterator[list[int]]:
    """Collect what this process and those below it hold, a few milliseconds apart.

    Pages that a forked decoder shares with the one it comes from are counted for each.
    """
    seen: list[int] = []
    over = Event()

    def watch() -> None:
        while not over.wait(WATCHED_EVERY_S):
            seen.append(sum(_resident_bytes(pid) for pid in _family(os.getpid())))

    watcher = Thread(target=watch)
    watcher.start()
    yield seen
    over.set()
    watcher.join()


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _resident_bytes(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0
