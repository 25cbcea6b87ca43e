"""The doors to OpenVINO, which serves, and TensorFlow, which trains: imported late, and quiet."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import cast


@cache
def openvino() -> ModuleType:
    """Import OpenVINO without its converter, which reports every import to its maker.

    Nothing here converts models, and a clinic's server tells nobody what it runs: the package is
    made to believe that the converter is not installed, which it allows for.
    """
    sys.modules.setdefault("openvino.tools.ovc", cast(ModuleType, None))
    import openvino

    return openvino


@cache
def tensorflow() -> ModuleType:
    """Import TensorFlow and Keras once and return TensorFlow.

    The C++ side writes two notices to standard error before any log level is read. They are held
    back here, and shown only when the import fails. Python's side warns of every network that is
    compiled anew, which each fold does: errors only.
    """
    with _held_back_stderr():
        import keras
        import tensorflow as tf

        keras.ops.zeros(())
    tf.get_logger().setLevel("ERROR")
    return cast(ModuleType, tf)


@contextmanager
def _held_back_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(saved, held_back.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
