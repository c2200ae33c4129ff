"""What the tests of replenishment share."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.clients import boss_client


@pytest.fixture
def boss() -> Client:
    """Who may do everything."""
    return boss_client()
