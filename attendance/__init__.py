"""The school's site. Loading the Celery app here lets every process, not only the worker, find the broker."""

from attendance.celery import app as celery_app

__all__ = ["celery_app"]
