"""The networks of `ml_models.architecture` as OpenVINO graphs, built from the same plain arrays.

Serving runs these: they start in a fraction of a second, need no TensorFlow and answer faster
(``python -m benchmarks.inference``). Tests hold them equal to Keras.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import (
    BN_EPSILON,
    FIRST_TAUGHT,
    LESIONS,
    LITE0_BLOCKS,
    LITE0_CHANNELS,
    LITE0_STAGES,
    PAPER_FILTERS,
    PATCH_CLASSES,
    STEM_CHANNELS,
    STRIDE,
)
from ml_models.backend import openvino
from ml_models.errors import ModelError

Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]

THREADS = 2
"""Per process: a worker shares its machine with others of its kind."""


class Network:
    """A compiled graph: a batch of pictures in, one array out. One caller at a time.

    Parameters
    ----------
    graph : openvino.Model
        One input (n, 1, rows, cols), one output.
    threads : int
    precision : str
        ``f32``; ``bf16`` is quicker where the processor has it, and far from equal to Keras.
    """

    def __init__(self, graph: Any, *, threads: int = THREADS, precision: str = "f32") -> None:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,  # else all workers crowd on the same cores
        }
        compiled = openvino().Core().compile_model(graph, "CPU", settings)
        self._request = compiled.create_infer_request()

    def __call__(self, pictures: Floats) -> Floats:
        """(n, rows, cols) float32 in [0, 1] to the graph's output, first axis n."""
        self._request.infer([np.ascontiguousarray(pictures[:, None])], share_inputs=True)
        return np.array(self._request.get_output_tensor().data)


def backbone_graph(weights: Arrays, input_shape: tuple[int, int]) -> Any:
    """`architecture.build_backbone`, or `build_two_ended_backbone` given the arrays of both ends.

    (n, 1, rows, cols) to (n, 1280, rows / 32, cols / 32), with both ends to 1284 maps. Batch
    normalisation is folded into the convolutions, and the three equal channels that ImageNet's
    first layer expects into one.

    Raises
    ------
    ModelError
        ``weights_incomplete`` when an array is missing or has another shape.
    """
    ops = _operations()
    layers = _Layers(weights)
    picture = ops.parameter([-1, 1, *input_shape], np.float32, name="picture")
    x = ops.add(ops.multiply(picture, np.float32(255.0 / 128.0)), np.float32(-127.0 / 128.0))
    stem = layers.array("conv_stem/kernel", (3, 3, 3, 32)).sum(axis=2, keepdims=True)
    x = layers.normalised(x, _outputs_first(stem), "bn0", stride=2, relu=True)
    x = layers.blocks(x, range(FIRST_TAUGHT))
    maps = layers.end(x)
    if f"{LESIONS}conv_head/kernel" in weights:
        logits = layers.pointwise_dense(layers.end(x, LESIONS), f"{LESIONS}logits")
        maps = ops.concat([maps, logits, _cover(picture)], axis=1)
    return _graph(maps, picture)


def paper_graph(weights: Arrays, input_shape: tuple[int, int], *, classes: int) -> Any:
    """`architecture.build_paper_cnn`: (n, 1, rows, cols) to (n, classes) logits.

    Raises
    ------
    ModelError
        ``weights_incomplete`` when an array is missing or has another shape.
    """
    ops = _operations()
    layers = _Layers(weights)
    picture = x = ops.parameter([-1, 1, *input_shape], np.float32, name="picture")
    channels, (rows, cols) = 1, input_shape
    for index, filters in enumerate(PAPER_FILTERS):
        kernel = layers.array(f"conv{index}/kernel", (3, 3, channels, filters))
        bias = layers.array(f"conv{index}/bias", (filters,))
        x = ops.relu(layers.convolved(x, _outputs_first(kernel), bias))
        x = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor", "valid").output(0)
        channels, rows, cols = filters, rows // 2, cols // 2
    x = ops.transpose(x, np.array([0, 2, 3, 1]))  # Keras flattens channels last
    x = ops.reshape(x, np.array([-1, rows * cols * channels]), special_zero=False)
    x = ops.relu(layers.dense(x, "dense", (rows * cols * channels, 128)))
    return _graph(layers.dense(x, "logits", (128, classes)), picture)


def _cover(picture: Any) -> Any:
    """Share of each cell of the last maps that is not background."""
    ops = _operations()
    shown = ops.convert(ops.greater(picture, np.float32(0)), np.float32)
    cell, none = [STRIDE, STRIDE], [0, 0]
    return ops.avg_pool(shown, cell, none, none, cell, True, "floor", "same_upper").output(0)


def _operations() -> Any:
    """OpenVINO's operations, in the version the graphs are written in."""
    return openvino().opset13


def _graph(output: Any, picture: Any) -> Any:
    ops = _operations()
    return openvino().Model([ops.result(output)], [picture])


def _outputs_first(kernel: Floats) -> Floats:
    """Keras's (rows, cols, in, out) as OpenVINO's (out, in, rows, cols)."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


@dataclass(frozen=True)
class _Layers:
    """The layers both networks are made of, filled from arrays under Keras's names."""

    weights: Arrays

    def array(self, name: str, shape: tuple[int, ...]) -> Floats:
        array = self.weights.get(name)
        if array is None or array.shape != shape:
            raise ModelError(
                f"Weight {name} should have shape {shape}, "
                f"found {None if array is None else array.shape}.",
                code="weights_incomplete",
            )
        return np.asarray(array, np.float32)

    def blocks(self, x: Any, wanted: range, prefix: str = "") -> Any:
        channels, index = STEM_CHANNELS, 0
        for repeats, kernel, stride, expand, out in LITE0_STAGES:
            for repeat in range(repeats):
                if index in wanted:
                    x = self.mobile_block(
                        x,
                        f"{prefix}block{index}",
                        channels=channels,
                        kernel=kernel,
                        stride=stride if repeat == 0 else 1,
                        expand=expand,
                        out=out,
                    )
                channels, index = out, index + 1
        return x

    def end(self, x: Any, prefix: str = "") -> Any:
        """The blocks behind the trunk, and the widening to 1280 maps."""
        x = self.blocks(x, range(FIRST_TAUGHT, LITE0_BLOCKS), prefix)
        return self.pointwise(
            x,
            f"{prefix}conv_head",
            f"{prefix}bn1",
            channels=LITE0_STAGES[-1][-1],
            out=LITE0_CHANNELS,
            relu=True,
        )

    def pointwise_dense(self, x: Any, name: str) -> Any:
        """A dense layer at every cell of the maps."""
        kernel = self.array(f"{name}/kernel", (LITE0_CHANNELS, len(PATCH_CLASSES)))
        bias = self.array(f"{name}/bias", (len(PATCH_CLASSES),))
        return self.convolved(x, _outputs_first(kernel[None, None]), bias)

    def mobile_block(
        self, x: Any, name: str, *, channels: int, kernel: int, stride: int, expand: int, out: int
    ) -> Any:
        ops = _operations()
        before, wide = x, channels * expand
        if expand != 1:
            x = self.pointwise(
                x, f"{name}_expand_conv", f"{name}_bn0", channels=channels, out=wide, relu=True
            )
        depthwise = self.array(f"{name}_depthwise_conv/kernel", (kernel, kernel, wide, 1))
        grouped = np.ascontiguousarray(depthwise.transpose(2, 3, 0, 1)[:, None])
        x = self.normalised(x, grouped, f"{name}_bn1", stride=stride, relu=True)
        x = self.pointwise(
            x, f"{name}_project_conv", f"{name}_bn2", channels=wide, out=out, relu=False
        )
        return ops.add(before, x) if stride == 1 and channels == out else x

    def pointwise(
        self, x: Any, name: str, norm: str, *, channels: int, out: int, relu: bool
    ) -> Any:
        kernel = self.array(f"{name}/kernel", (1, 1, channels, out))
        return self.normalised(x, _outputs_first(kernel), norm, relu=relu)

    def normalised(self, x: Any, kernel: Floats, norm: str, *, stride: int = 1, relu: bool) -> Any:
        """Convolve, normalise by the stored moments, and clip at 6 where `relu`."""
        ops = _operations()
        gamma, beta, mean, variance = (
            self.array(f"{norm}/{name}", kernel.shape[:1])
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + np.float32(BN_EPSILON))
        scaled = kernel * scale.reshape(-1, *(1 for _ in kernel.shape[1:]))
        x = self.convolved(x, scaled, beta - mean * scale, stride=stride)
        return ops.clamp(x, 0.0, 6.0) if relu else x

    def convolved(self, x: Any, kernel: Floats, bias: Floats, *, stride: int = 1) -> Any:
        """Kernels of five axes, (channels, 1, 1, rows, cols), convolve each channel by itself."""
        ops = _operations()
        convolution = ops.convolution if kernel.ndim == 4 else ops.group_convolution
        strides, pads, dilations = [stride, stride], [0, 0], [1, 1]
        x = convolution(x, ops.constant(kernel), strides, pads, pads, dilations, "same_upper")
        return ops.add(x, ops.constant(bias[None, :, None, None]))

    def dense(self, x: Any, name: str, shape: tuple[int, int]) -> Any:
        ops = _operations()
        kernel, bias = self.array(f"{name}/kernel", shape), self.array(f"{name}/bias", shape[1:])
        return ops.add(
            ops.matmul(x, ops.constant(kernel), transpose_a=False, transpose_b=False),
            ops.constant(bias),
        )
