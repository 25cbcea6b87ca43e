"""The Celery application. Messages carry ids only; the database owns every job."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammotrack.settings")

app = Celery("mammotrack")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
