"""What is measured, each by ``python -m benchmarks.<name>``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammotrack.settings")
