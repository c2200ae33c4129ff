"""The shop of `recommend_speed` with a queue of events; everything that differs comes from the environment."""

from __future__ import annotations

import json
import os

from .speed_settings import *  # noqa: F403
from .speed_settings import ECOMAI as SPEED

ECOMAI = {**SPEED, **json.loads(os.environ.get("CAPTURE_ECOMAI", "{}"))}
CELERY_BROKER_URL = os.environ.get("CAPTURE_BROKER", "")
