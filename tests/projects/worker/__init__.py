"""A project with a Celery app, a real database and three jobs: for tests of workers and child processes."""

from .celery import app as celery_app

__all__ = ["celery_app"]
