"""Plain pages of the tables."""

from __future__ import annotations

from django.contrib import admin

from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceTest, PricingRule, ProductElasticity

from .offers import VolumeOfferAdmin

__all__ = ["VolumeOfferAdmin"]

for _model in (PricingRule, PriceProposal, PriceChange, ProductElasticity, PriceTest):
    admin.site.register(_model)
