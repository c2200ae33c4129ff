"""The message broker, always with short timeouts and never with retries. Celery is imported only when it is asked."""

from __future__ import annotations

import logging
from typing import Any

from django_ecomai.conf import ecomai

logger = logging.getLogger("django_ecomai.runs")
SECONDS = 3.0


class BrokerError(Exception):
    """The broker could not take a message; the text says why."""


def url() -> str:
    """The broker that the project's Celery app names; empty when there is none."""
    from celery import current_app

    try:
        return str(current_app.conf.broker_write_url or "")
    except ImportError as error:  # a Celery configuration module that cannot be imported
        logger.warning("the Celery configuration cannot be read: %s", error)
        return ""


def is_configured() -> bool:
    """Whether the project's Celery app has a broker."""
    return bool(url())


def is_eager() -> bool:
    """Whether the project runs tasks at once in the caller (``task_always_eager``)."""
    from celery import current_app

    try:
        return bool(current_app.conf.task_always_eager)
    except ImportError:
        return False


def publish(task: str, *, args: list[Any]) -> None:
    """Send a task by name, or raise ``BrokerError`` within a few seconds. Never call it inside a request: use a
    thread.
    """
    from celery import current_app
    from celery.exceptions import CeleryError
    from kombu.exceptions import KombuError

    options: dict[str, Any] = {"retry": False, "ignore_result": True}
    if ecomai.CELERY_QUEUE:
        options["queue"] = ecomai.CELERY_QUEUE
    try:
        with connect() as connection:
            current_app.send_task(task, args=args, connection=connection, **options)
    except (CeleryError, KombuError, OSError, ImportError, ValueError, KeyError) as error:
        raise BrokerError(f"{type(error).__name__}: {error}") from error


def answers() -> str:
    """Empty when the broker takes connections, else why not. For the doctor."""
    from kombu.exceptions import KombuError

    try:
        with connect() as connection:
            connection.default_channel.close()
    except (KombuError, OSError, ImportError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def connect(**transport_options: Any) -> Any:
    """A connection of its own (not from the pool, whose retries have no end) that gives up soon."""
    from celery import current_app

    options: dict[str, Any] = {
        **transport_options,
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        "connect_retries_timeout": SECONDS,
    }
    scheme = url().split("://", 1)[0].split("+")[0]
    if scheme in ("redis", "rediss", "sentinel", "valkey", "valkeys"):
        options |= {"socket_connect_timeout": SECONDS, "socket_timeout": SECONDS, "retry_on_timeout": False}
    elif scheme in ("amqp", "amqps", "pyamqp", ""):
        options |= {"read_timeout": SECONDS, "write_timeout": SECONDS}
    return current_app.connection_for_write(connect_timeout=SECONDS, transport_options=options)
