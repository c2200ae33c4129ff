"""The REST endpoints are described in the project's OpenAPI schema, and drf-spectacular has nothing to complain of."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings


@pytest.mark.django_db
def test_schema_names_both_endpoints_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "schema.yaml"
    with override_settings(ROOT_URLCONF="example_project.urls"):
        call_command("spectacular", "--file", str(file), "--validate", "--fail-on-warn")
    schema = file.read_text()
    assert "/ecomai/api/events/:" in schema
    assert "/ecomai/api/recommendations/{placement}/:" in schema
    assert "/ecomai/api/ingest/products/:" in schema and "scheme: bearer" in schema
