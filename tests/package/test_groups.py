"""Tests of one group run on one worker: what they share is made once, and two browsers never starve each other."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("proof")
def test_the_scheduler_is_told_the_group(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("runs on a worker of pytest-xdist with --dist loadgroup")
    assert request.node.nodeid.endswith("::test_the_scheduler_is_told_the_group@proof")
