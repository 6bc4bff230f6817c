"""The Celery app: only a wake-up. What is to be done stands in the database (``models.queue``)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")

app = Celery("attendance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["attendance"])
app.autodiscover_tasks(["attendance"], related_name="worker")
