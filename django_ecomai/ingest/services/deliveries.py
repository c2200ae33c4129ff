"""The list of webhooks that came."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from django_ecomai.ingest.models import Webhook

# Longer than any sender goes on trying, and than a webhook may be old.
KEPT = timedelta(days=30)


def deliveries_prune() -> int:
    """Delete what is older than thirty days."""
    return Webhook.objects.filter(received_at__lt=timezone.now() - KEPT).delete()[0]
