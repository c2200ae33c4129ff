"""The example shop's project. As Celery asks, its application is loaded with the project."""

from example_project.celery import app as celery_app

__all__ = ["celery_app"]
