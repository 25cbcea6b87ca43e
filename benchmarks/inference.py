"""``python -m benchmarks.inference``: which runtime the classifier's network is served with.

Each runtime answers for the same prepared mammogram in a fresh process of its own: logits and
Grad-CAM of the shipped network. The network is the same everywhere; Keras needs a gradient tape
for the map, the others read it off the last feature maps. Printed are the time from the start of
the process to the first answer, the fastest and median later answer, CPU time of the fastest, the
peak memory, and how far the calibrated probabilities and the map (of its largest value) lie from
Keras's.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.decode import load_pixels
from benchmarks.document import machine, write_section
from mammotrack.threads import limit_threads
from ml_models.architecture import (
    LITE0_CHANNELS,
    build_two_ended_backbone,
    write_weights,
)
from ml_models.backend import tensorflow
from ml_models.calibration import log_odds_gradient
from ml_models.categories import is_suspicious
from ml_models.classifier import Classifier, network_input
from ml_models.head import (
    NO_BREAST,
    PATCH_CELLS,
    SMALLEST_COVER,
    STRONGEST,
    LinearHead,
    pooled,
)
from ml_models.registry import active_manifest, load_weights
from ml_models.runtime import THREADS, Network, backbone_graph

PICTURE = Path(__file__).parents[1] / "analysis/demo/pictures/cdd275-L-CC.png"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
ANSWERS = 7
CHANNELS_LAST = (0, 3, 1, 2)

Answer = tuple[NDArray[np.float64], NDArray[np.float32]]
"""Logits by copy, (copies, classes), and signed Grad-CAM, (copies, rows, cols)."""


class Case:
    """The network and the batch it is asked about."""

    def __init__(self, threads: int, converted: Path) -> None:
        self.manifest = active_manifest()
        self.weights = load_weights(self.manifest)
        self.threads = threads
        self.converted = converted
        classes = len(self.manifest.classes)
        self.head = LinearHead.from_weights(self.weights, channels=LITE0_CHANNELS, classes=classes)
        self.prepared = prepared_picture()
        self.batch = network_input(self.prepared, self.manifest)

    def answer_from(self, maps: NDArray[np.float32]) -> Answer:
        """Finish an answer from (copies, channels, rows, cols) maps."""
        logits = self.head.logits(pooled(maps))
        direction = log_odds_gradient(logits.mean(axis=0), is_suspicious(self.manifest.classes))
        return logits, self.head.grad_cam(maps, direction)

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.manifest.calibration.probabilities(logits.mean(axis=0, keepdims=True))


def prepared_picture() -> PreparedBreast:
    return prepare_breast(load_pixels(PICTURE), spacing_mm=None, laterality="L", view="CC")


def keras_predict(case: Case) -> Callable[[], Answer]:
    """``predict``, then a gradient tape through the head for the map."""
    tf, model = _keras_model(case)
    suspicious = is_suspicious(case.manifest.classes)
    backbone, parts, head = model.layers[-3:]

    def answer() -> Answer:
        batch = case.batch[..., None]
        logits = model.predict(batch, verbose=0)
        with tf.GradientTape() as tape:
            maps = backbone(batch, training=False)
            tape.watch(maps)
            features = parts(maps)
            out = head(features)
            score = tf.reduce_logsumexp(tf.boolean_mask(out, suspicious, axis=1), 1)
            score -= tf.reduce_logsumexp(tf.boolean_mask(out, ~suspicious, axis=1), 1)
        by_cell, by_feature = tape.gradient(score, [maps, features])
        by_map = tf.reduce_mean(by_cell[..., :LITE0_CHANNELS], axis=(1, 2))
        cam = tf.einsum("nc,nhwc->nhw", by_map, maps[..., :LITE0_CHANNELS])
        evidence = tf.nn.relu(lesion_evidence(maps[..., LITE0_CHANNELS:])) / STRONGEST
        cam += tf.einsum("nc,nhwc->nhw", by_feature[:, -2:], evidence)
        return np.asarray(logits, np.float64), cam.numpy()

    return answer


def lesion_evidence(scores: Any) -> Any:
    """`head.lesion_evidence` in TensorFlow, channels last."""
    tf = tensorflow()
    cover = scores[..., 3:]
    window = tf.ones((PATCH_CELLS, PATCH_CELLS, 1, 1))
    weight, *logits = (
        tf.nn.conv2d(part, window, strides=1, padding="SAME")
        for part in (cover, *(scores[..., k : k + 1] * cover for k in range(3)))
    )
    normal, benign, malignant = (part[..., 0] / tf.maximum(weight[..., 0], 1e-9) for part in logits)
    lesion = tf.reduce_logsumexp(tf.stack([benign, malignant]), axis=0) - normal
    worse = malignant - tf.reduce_logsumexp(tf.stack([normal, benign]), axis=0)
    found = tf.stack([lesion, worse], axis=-1)
    return tf.where(cover >= SMALLEST_COVER, found, NO_BREAST)


def tensorflow_function(case: Case) -> Callable[[], Answer]:
    """A traced graph of the backbone."""
    tf, model = _keras_model(case)
    backbone = model.layers[-3]
    traced = tf.function(lambda batch: backbone(batch, training=False), autograph=False)
    return lambda: case.answer_from(
        np.asarray(traced(tf.constant(case.batch[..., None]))).transpose(CHANNELS_LAST)
    )


def tensorflow_lite(case: Case) -> Callable[[], Answer]:
    """The converted backbone in TensorFlow Lite's interpreter, with XNNPACK."""

    interpreter = tensorflow().lite.Interpreter(
        model_path=str(case.converted), num_threads=case.threads
    )
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer() -> Answer:
        interpreter.set_tensor(entry["index"], case.batch[..., None])
        interpreter.invoke()
        return case.answer_from(interpreter.get_tensor(exit_["index"]).transpose(CHANNELS_LAST))

    return answer


def opencv_dnn(case: Case) -> Callable[[], Answer]:
    """The converted backbone in OpenCV's own network module."""

    cv2.setNumThreads(case.threads)
    network = cv2.dnn.readNetFromTFLite(str(case.converted))

    def answer() -> Answer:
        network.setInput(case.batch[:, None])
        return case.answer_from(network.forward())

    return answer


def openvino(case: Case, precision: str = "f32") -> Callable[[], Answer]:
    """What is served: the graph built from our arrays."""
    graph = backbone_graph(case.weights, case.manifest.input_shape)
    network = Network(graph, threads=case.threads, precision=precision)
    return lambda: case.answer_from(network(case.batch))


RUNTIMES = {
    "Keras predict + tape": keras_predict,
    "tf.function": tensorflow_function,
    "TensorFlow Lite": tensorflow_lite,
    "OpenCV DNN": opencv_dnn,
    "OpenVINO": openvino,
    "OpenVINO, bfloat16": partial(openvino, precision="bf16"),
}


def _keras_model(case: Case) -> tuple[Any, Any]:
    """TensorFlow, and the classifier as three layers: backbone, pooling, head."""
    tf = tensorflow()
    keras = tf.keras

    class Pooling(keras.layers.Layer):  # type: ignore[misc]
        """`head.pooled`, channels last."""

        def call(self, maps: Any) -> Any:
            own, evidence = maps[..., :LITE0_CHANNELS], lesion_evidence(maps[..., LITE0_CHANNELS:])
            cells = tf.reshape(evidence, (-1, evidence.shape[1] * evidence.shape[2], 2))
            strongest = tf.math.top_k(tf.transpose(cells, (0, 2, 1)), STRONGEST).values
            mean, largest = tf.reduce_mean(own, (1, 2)), tf.reduce_max(own, (1, 2))
            return tf.concat([mean, largest, tf.reduce_mean(strongest, 2)], axis=1)

    classes = len(case.manifest.classes)
    backbone = build_two_ended_backbone(case.manifest.input_shape)
    head = keras.layers.Dense(classes, name="logits")
    model = keras.Sequential([backbone, Pooling(), head])
    write_weights(model, case.weights)
    return tf, model


def convert(path: Path) -> None:
    """Write the shipped backbone as a TensorFlow Lite file."""
    tf = tensorflow()
    manifest = active_manifest()
    model = build_two_ended_backbone(manifest.input_shape)
    write_weights(model, load_weights(manifest))
    traced = tf.function(lambda batch: model(batch, training=False), autograph=False)
    signature = tf.TensorSpec((1, *manifest.input_shape, 1), tf.float32)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [traced.get_concrete_function(signature)], model
    )
    path.write_bytes(converter.convert())


def measure(runtime: str, *, threads: int, converted: Path, started: float) -> dict[str, Any]:
    """Ask one runtime in this process."""
    case = Case(threads, converted)
    answer = RUNTIMES[runtime](case)
    logits, cam = answer()
    first = time.time() - started
    wall, cpu = [], []
    for _ in range(ANSWERS):
        before, before_cpu = time.perf_counter(), time.process_time()
        answer()
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - before_cpu)
    return {
        "first_s": first,
        "fastest_ms": 1000 * min(wall),
        "median_ms": 1000 * float(np.median(wall)),
        "cpu_ms": 1000 * min(cpu),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "probabilities": case.probabilities(logits).tolist(),
        "cam": cam.tolist(),
    }


def classify_once(started: float) -> dict[str, Any]:
    """What a worker does: from a prepared picture to the answer with its map."""
    classifier, prepared = Classifier.load(), prepared_picture()
    classifier.explain(prepared)
    first = time.time() - started
    wall = []
    for _ in range(ANSWERS):
        before = time.perf_counter()
        classifier.explain(prepared)
        wall.append(time.perf_counter() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "first_s": first,
        "fastest_ms": 1000 * min(wall),
        "median_ms": 1000 * float(np.median(wall)),
        "peak_mb": peak,
    }


def _in_fresh_process(*arguments: str, threads: int = THREADS) -> dict[str, Any]:
    counts = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference", *arguments, "--started", repr(time.time())],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | counts,
    )
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> int:
    """Run every runtime and print the table; with ``--runtime``, one in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[THREADS])
    parser.add_argument("--runtime", choices=[*RUNTIMES, "classifier"], help=argparse.SUPPRESS)
    parser.add_argument("--converted", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.runtime == "classifier":
        print(json.dumps(classify_once(given.started)))
        return 0
    if given.runtime:
        threads = given.threads[0]
        measured = measure(
            given.runtime, threads=threads, converted=given.converted, started=given.started
        )
        print(json.dumps(measured))
        return 0
    limit_threads()  # as in a worker: the processes that are measured inherit it
    lines = []
    for line in report(given.threads):
        print(line, flush=True)
        lines.append(line)
    write_section(DOCUMENT, "runtimes", "\n".join(lines))
    return 0


def report(thread_counts: list[int]) -> Iterator[str]:
    """Lines of the table, as they are measured, and the targets."""
    manifest = active_manifest()
    rows, cols = manifest.input_shape
    yield (
        f"{machine(os.cpu_count() or 1)}\n"
        f"{manifest.version}, {manifest.architecture}, {rows} x {cols}: category and "
        f"Grad-CAM of one picture, {ANSWERS} answers a runtime\n"
    )
    yield (
        f"{'threads':>7}  {'runtime':<21}{'first s':>9}{'fastest ms':>12}{'median ms':>11}"
        f"{'CPU ms':>8}{'peak MB':>9}{'probability off':>17}{'map off':>9}"
    )
    medians: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        converted = Path(scratch) / "backbone.tflite"
        convert(converted)
        for threads in thread_counts:
            reference: dict[str, Any] = {}
            for runtime in RUNTIMES:
                one = _in_fresh_process(
                    "--runtime",
                    runtime,
                    "--threads",
                    str(threads),
                    "--converted",
                    str(converted),
                    threads=threads,
                )
                if "error" in one:
                    yield f"{threads:>7}  {runtime:<21}{one['error'][:80]}"
                    continue
                reference = reference or one
                medians[runtime] = one["median_ms"]
                off = np.abs(np.subtract(one["probabilities"], reference["probabilities"])).max()
                cam = np.asarray(reference["cam"])
                cam_off = np.abs(np.subtract(one["cam"], cam)).max() / np.abs(cam).max()
                yield (
                    f"{threads:>7}  {runtime:<21}{one['first_s']:>9.1f}{one['fastest_ms']:>12.0f}"
                    f"{one['median_ms']:>11.0f}{one['cpu_ms']:>8.0f}{one['peak_mb']:>9.0f}"
                    f"{off:>17.1e}{cam_off:>9.1e}"
                )
    served = _in_fresh_process("--runtime", "classifier")
    yield (
        "\nClassifier.explain, as a worker runs it (canvas, network, head, map on the breast):\n"
        f"first answer {served['first_s']:.1f} s after the start of the process (target under 5); "
        f"then median {served['median_ms']:.0f} ms, fastest {served['fastest_ms']:.0f} ms "
        f"(target at most 60); peak {served['peak_mb']:.0f} MB"
    )
    if "Keras predict + tape" in medians:
        gain = medians["Keras predict + tape"] / medians["OpenVINO"]
        yield f"Keras predict + tape over OpenVINO, medians: {gain:.1f} times (target at least 8)"


if __name__ == "__main__":
    sys.exit(main())
