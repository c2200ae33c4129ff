"""What answers with profits say of the costs that these rest on."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from django_ecomai.conf import ecomai
from django_ecomai.pricing.worklist import costs_simulated

SIMULATED = "Whether the shop's costs are simulated, and with them every profit and gain."


class CostsSimulated(serializers.Serializer[Any]):
    """Adds ``costs_simulated``, of the whole shop."""

    costs_simulated = serializers.SerializerMethodField(help_text=SIMULATED)

    def get_costs_simulated(self, _row: Any) -> bool:
        """One query."""
        return costs_simulated(channel=ecomai.CHANNEL)
