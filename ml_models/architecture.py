"""The networks, in code: an EfficientNet-Lite0 backbone, the classifier on it, the paper's CNN.

Nothing here reads or writes a file. Weights travel as a flat dictionary of plain arrays, named
``"<layer>/<variable>"``, so that a weights file can hold numbers and nothing else.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ModelError

if TYPE_CHECKING:
    import keras

Weights = dict[str, NDArray[np.float32]]

LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel size, stride of the first, expansion, channels out (Tan & Le 2019, Lite0)."""
STEM_CHANNELS = 32
LITE0_CHANNELS = 1280
STRIDE = 32
"""Pixels of the input a cell of the last maps stands for."""
BN_EPSILON = 1e-3
PAPER_FILTERS = (16, 32, 64, 64)
LITE0_BLOCKS = sum(stage[0] for stage in LITE0_STAGES)
FIRST_TAUGHT = 11
"""First block that lesion patches change; the blocks before it stay as ImageNet taught them."""
LESIONS = "lesion_"
"""What the names of the end that lesions teach begin with."""
PATCH_CLASSES = ("normal", "benign", "malignant")


def _batch_norm(x: Any, name: str, *, relu: bool) -> Any:
    from keras import layers

    x = layers.BatchNormalization(epsilon=BN_EPSILON, name=name)(x)
    return layers.ReLU(max_value=6.0, name=f"{name}_relu")(x) if relu else x


def _mobile_block(x: Any, name: str, *, kernel: int, stride: int, expand: int, out: int) -> Any:
    from keras import layers

    before, channels = x, x.shape[-1]
    if expand != 1:
        x = layers.Conv2D(channels * expand, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _batch_norm(x, f"{name}_bn0", relu=True)
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _batch_norm(x, f"{name}_bn1", relu=True)
    x = layers.Conv2D(out, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _batch_norm(x, f"{name}_bn2", relu=False)
    if stride == 1 and channels == out:
        x = layers.Add(name=f"{name}_add")([before, x])
    return x


def build_backbone(input_shape: tuple[int, int]) -> "keras.Model":
    """EfficientNet-Lite0 without its classifier, on single-channel pictures.

    Parameters
    ----------
    input_shape : (rows, cols)
        Any size; ImageNet's was 224 x 224.

    Returns
    -------
    keras.Model
        (batch, rows, cols, 1) float32 in [0, 1] to (batch, rows / 32, cols / 32, 1280).

    References
    ----------
    Tan & Le (2019), arXiv:1905.11946; EfficientNet-Lite: no squeeze-and-excitation, ReLU6,
    fixed stem and head; its input is (255 x - 127) / 128.
    """
    import keras
    from keras import layers

    picture = keras.Input((*input_shape, 1), name="picture")
    x = layers.Rescaling(255.0 / 128.0, offset=-127.0 / 128.0, name="imagenet_scale")(picture)
    x = layers.Concatenate(name="three_channels")([x, x, x])
    x = layers.Conv2D(STEM_CHANNELS, 3, 2, padding="same", use_bias=False, name="conv_stem")(x)
    x = _batch_norm(x, "bn0", relu=True)
    x = _head(_blocks(x, range(LITE0_BLOCKS)))
    return keras.Model(picture, x, name="efficientnet_lite0")


def build_trunk(input_shape: tuple[int, int]) -> "keras.Model":
    """The part of the backbone that both ends share: picture to the 112 maps at 1/16."""
    import keras

    backbone = build_backbone(input_shape)
    return keras.Model(backbone.input, backbone.get_layer(f"block{FIRST_TAUGHT - 1}_add").output)


def build_patch_scorer(map_shape: tuple[int, int]) -> "keras.Model":
    """The end of the backbone that lesions teach, with a linear head on the mean of its maps.

    Parameters
    ----------
    map_shape : (rows, cols)
        Of the maps that `build_trunk` gives.

    Returns
    -------
    keras.Model
        (batch, rows, cols, 112) to (batch, 3) logits of `PATCH_CLASSES`. Batch normalisation keeps
        ImageNet's statistics.
    """
    import keras
    from keras import layers

    maps = keras.Input((*map_shape, LITE0_STAGES[4][-1]), name="maps")
    x = _head(_blocks(maps, range(FIRST_TAUGHT, LITE0_BLOCKS), LESIONS), LESIONS)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    x = layers.Dense(len(PATCH_CLASSES), name=f"{LESIONS}logits")(x)
    model = keras.Model(maps, x, name="patch_scorer")
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    return model


def build_two_ended_backbone(input_shape: tuple[int, int]) -> "keras.Model":
    """One trunk, two ends: ImageNet's maps, and the patch scorer sliding over the picture.

    Parameters
    ----------
    input_shape : (rows, cols)

    Returns
    -------
    keras.Model
        (batch, rows, cols, 1) float32 in [0, 1] to (batch, rows / 32, cols / 32, 1284): the 1280
        maps of `build_backbone`, then for every cell the logits of `PATCH_CLASSES` and the share
        of it that is not background.
    """
    import keras
    from keras import layers

    backbone = build_backbone(input_shape)
    x = backbone.get_layer(f"block{FIRST_TAUGHT - 1}_add").output
    x = _head(_blocks(x, range(FIRST_TAUGHT, LITE0_BLOCKS), LESIONS), LESIONS)
    x = layers.Dense(len(PATCH_CLASSES), name=f"{LESIONS}logits")(x)
    shown = keras.ops.cast(keras.ops.greater(backbone.input, 0), "float32")
    cover = layers.AveragePooling2D(STRIDE, padding="same", name="cover")(shown)
    x = layers.Concatenate(name="both_ends")([backbone.output, x, cover])
    return keras.Model(backbone.input, x, name="two_ended")


def _blocks(x: Any, wanted: range, prefix: str = "") -> Any:
    index = 0
    for repeats, kernel, stride, expand, out in LITE0_STAGES:
        for repeat in range(repeats):
            if index in wanted:
                x = _mobile_block(
                    x,
                    f"{prefix}block{index}",
                    kernel=kernel,
                    stride=stride if repeat == 0 else 1,
                    expand=expand,
                    out=out,
                )
            index += 1
    return x


def _head(x: Any, prefix: str = "") -> Any:
    from keras import layers

    x = layers.Conv2D(LITE0_CHANNELS, 1, use_bias=False, name=f"{prefix}conv_head")(x)
    return _batch_norm(x, f"{prefix}bn1", relu=True)


def build_feature_extractor(input_shape: tuple[int, int]) -> "keras.Model":
    """The backbone with its maps pooled twice: (batch, rows, cols, 1) to (batch, 2560).

    The mean tells how common a pattern is in the breast, the maximum whether it is anywhere.
    """
    import keras
    from keras import layers

    backbone = build_backbone(input_shape)
    pooled = [
        layers.GlobalAveragePooling2D(name="mean")(backbone.output),
        layers.GlobalMaxPooling2D(name="maximum")(backbone.output),
    ]
    features = layers.Concatenate(name="features")(pooled)
    return keras.Model(backbone.input, features, name="features")


def build_transfer_classifier(input_shape: tuple[int, int], *, classes: int) -> "keras.Model":
    """Feature extractor and one dense layer: picture to (batch, classes) logits."""
    import keras
    from keras import layers

    extractor = build_feature_extractor(input_shape)
    logits = layers.Dense(classes, name="logits")(extractor.output)
    return keras.Model(extractor.input, logits, name="transfer")


def build_paper_cnn(input_shape: tuple[int, int], *, classes: int) -> "keras.Model":
    """The founding paper's network: convolution, ReLU, max pooling, dropout, dense.

    Parameters
    ----------
    input_shape : (rows, cols)
        The paper's is 150 x 150.
    classes : int

    Returns
    -------
    keras.Model
        (batch, rows, cols, 1) float32 in [0, 1] to (batch, classes) logits; the softmax is
        applied where the logits are calibrated.
    """
    import keras
    from keras import layers

    picture = keras.Input((*input_shape, 1), name="picture")
    x = picture
    for index, filters in enumerate(PAPER_FILTERS):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{index}")(x)
        x = layers.MaxPooling2D(name=f"pool{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(picture, x, name="paper_cnn")


def read_weights(model: "keras.Model") -> Weights:
    """Copy a model's variables into plain arrays named ``"<layer>/<variable>"``."""
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable, np.float32)
        for layer in _flat_layers(model)
        for variable in layer.weights
    }


def write_weights(model: "keras.Model", weights: Mapping[str, NDArray[Any]]) -> None:
    """Fill every variable of a model; further names in `weights` are left alone.

    Raises
    ------
    ModelError
        ``weights_incomplete`` when a variable has no array or one of another shape.
    """
    for layer in _flat_layers(model):
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            array = weights.get(name)
            if array is None or tuple(array.shape) != tuple(variable.shape):
                raise ModelError(
                    f"Weight {name} should have shape {tuple(variable.shape)}, "
                    f"found {None if array is None else tuple(array.shape)}.",
                    code="weights_incomplete",
                )
            variable.assign(array)


def _flat_layers(model: "keras.Model") -> "Sequence[keras.Layer]":
    return [
        layer for layer in model._flatten_layers(include_self=False) if not hasattr(layer, "layers")
    ]


def multiplications(input_shape: tuple[int, int]) -> tuple[int, int]:
    """How many multiplications one picture costs: in the backbone, and in the second end."""
    cells = _halved(input_shape)
    backbone = math.prod(cells) * 9 * STEM_CHANNELS  # three equal channels fold into one
    second = 0
    channels, index = STEM_CHANNELS, 0
    for repeats, kernel, stride, expand, out in LITE0_STAGES:
        for repeat in range(repeats):
            wide = channels * expand
            cost = math.prod(cells) * channels * wide * (expand != 1)
            if repeat == 0 and stride == 2:
                cells = _halved(cells)
            cost += math.prod(cells) * wide * (kernel**2 + out)
            backbone += cost
            second += cost * (index >= FIRST_TAUGHT)
            channels, index = out, index + 1
    head = math.prod(cells) * channels * LITE0_CHANNELS
    scores = math.prod(cells) * LITE0_CHANNELS * len(PATCH_CLASSES)
    return backbone + head, second + head + scores


def _halved(cells: tuple[int, int]) -> tuple[int, int]:
    rows, cols = cells
    return -(-rows // 2), -(-cols // 2)
