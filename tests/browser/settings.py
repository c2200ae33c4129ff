"""The example shop with a training that takes seconds: these tests look at pages, not at how good the model is."""

from __future__ import annotations

from example_project.settings import *  # noqa: F403
from example_project.settings import ECOMAI

ECOMAI = {**ECOMAI, "RECOMMEND_TRAINING": {"budget": 16, "ranker": "off"}}
