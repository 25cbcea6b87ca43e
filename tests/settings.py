"""The production settings with what tests need changed, and nothing else."""

import os
import tempfile
from pathlib import Path

_folder = tempfile.mkdtemp(prefix="mammotrack-tests-")  # tests/conftest.py removes it
os.environ["MAMMOTRACK_VAR_DIR"] = _folder
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 32
os.environ["ALLOWED_HOSTS"] = "testserver,127.0.0.1,localhost"
os.environ["HTTPS_ONLY"] = "false"

from mammotrack.settings import *  # noqa: E402, F403
from mammotrack.settings import STATIC_ROOT, STORAGES  # noqa: E402

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher"
]  # speed; nothing is secret here
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
Path(STATIC_ROOT).mkdir()
MEDIA_ROOT = Path(_folder) / "store"
CELERY_BROKER_URL = "memory://"
MFA_REQUIRED = False  # tests of the second factor turn it on
