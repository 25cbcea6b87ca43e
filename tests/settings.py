"""The production settings with what tests need changed, and nothing else."""

import os
import tempfile
from pathlib import Path

_folder = tempfile.mkdtemp(prefix="mammotrack-tests-")
os.environ.setdefault("MAMMOTRACK_VAR_DIR", _folder)
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 32
os.environ["ALLOWED_HOSTS"] = "testserver,127.0.0.1,localhost"
os.environ["HTTPS_ONLY"] = "false"

from mammotrack.settings import *  # noqa: E402, F403
from mammotrack.settings import STORAGES  # noqa: E402

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher"
]  # speed; nothing is secret here
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = Path(_folder) / "store"
CELERY_BROKER_URL = "memory://"
