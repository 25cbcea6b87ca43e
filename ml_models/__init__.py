"""BI-RADS classification of mammograms: data, training, evaluation, registry and inference.

Pure: knows arrays and files, nothing of the web application. Importing this package loads no
TensorFlow; the modules that need it import it inside functions. The environment of Keras and
TensorFlow is settled here, once, because it must be settled before either is imported.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
