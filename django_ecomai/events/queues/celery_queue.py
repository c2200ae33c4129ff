"""Celery as the queue: an event is acknowledged when the broker has the task, and the task when its rows are stored.

RabbitMQ confirms each message. How many may wait is the broker's own setting: a queue with ``x-max-length`` and
``x-overflow`` ``reject-publish`` refuses as the stream does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from django_ecomai.conf import ecomai
from django_ecomai.runs import broker

from .base import Breaker, QueueRefused, QueueState

TASK = "ecomai.events_store"

logger = logging.getLogger("django_ecomai.events")
_breaker = Breaker()
_kept = threading.local()


def put(lines: Sequence[str]) -> None:
    """Hand the lines to the broker as one task, or raise ``QueueRefused``."""
    _breaker.check()
    options: dict[str, Any] = {"retry": False, "ignore_result": True, "argsrepr": "(events)"}
    if ecomai.CELERY_QUEUE:
        options["queue"] = ecomai.CELERY_QUEUE
    try:
        from celery import current_app

        current_app.send_task(TASK, args=[list(lines)], producer=_producer(), **options)
    except Exception as error:  # transports raise their client library's own exceptions
        _forget()
        _breaker.trip()
        raise QueueRefused(f"Celery: {type(error).__name__}") from error
    _breaker.reset()


def state() -> QueueState:
    """How many tasks wait in the queue, those of others included. Raises ``QueueRefused``."""
    try:
        from celery import current_app

        name = str(ecomai.CELERY_QUEUE or current_app.conf.task_default_queue)
        with broker.connect() as connection:
            waiting = connection.default_channel.queue_declare(queue=name, passive=True).message_count
    except Exception as error:  # see put
        raise QueueRefused(f"Celery: {type(error).__name__}") from error
    return QueueState(waiting=int(waiting))


def _producer() -> Any:
    """One per thread, kept: a connection for each batch would cost more than the batch."""
    url = broker.url()
    if getattr(_kept, "url", None) != url:
        _forget()
        from celery import current_app

        connection = broker.connect(confirm_publish=True)
        _kept.connection, _kept.producer, _kept.url = connection, current_app.amqp.Producer(connection), url
    return _kept.producer


def _forget() -> None:
    connection = getattr(_kept, "connection", None)
    _kept.__dict__.clear()
    if connection is not None:
        try:
            connection.release()
        except Exception:  # it is broken, which is why it is given up
            logger.debug("A broken connection to the broker could not be closed.")
