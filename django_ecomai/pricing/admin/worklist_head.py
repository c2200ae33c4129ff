"""The list of proposals with the sums of what its filters leave, and with a number of pages."""

from __future__ import annotations

from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Count, Q, Sum
from django.http import HttpRequest

from django_ecomai.core.admin import FastChangeList
from django_ecomai.core.paging import MAX_PAGE
from django_ecomai.pricing.models import PriceProposal

State = PriceProposal.State


class WorklistChangeList(FastChangeList):
    """Counted: there is at most one row per product that is to be decided, and who works through them wants to know how
    many are left. One query, which also adds up what they are expected to gain."""

    pages = 1
    number = 0
    gains: list[tuple[float, str]] = []

    def get_results(self, request: HttpRequest) -> None:
        """As ``FastChangeList``; of a page that has no rows any more, the last one that has."""
        gain = Sum("gain", filter=~Q(goal="sell_through"))
        sums = list(self.queryset.order_by().values_list("currency").annotate(n=Count("pk"), gain=gain))
        self.number = sum(n for _currency, n, _gain in sums)
        self.gains = sorted(((gain, currency) for currency, _n, gain in sums if gain), reverse=True)
        self.pages = min(max(-(-self.number // self.list_per_page), 1), MAX_PAGE)
        self.page_num = min(self.page_num, self.pages)
        super().get_results(request)
        self.known_count = self.number
        scheduled = [row for row in self.result_list if row.state == State.SCHEDULED and not row.is_canary]
        if scheduled:
            first = PriceProposal.objects.filter(batch__in={row.batch for row in scheduled} - {""}, is_canary=True)
            parted = set(first.values_list("batch", flat=True))
            for row in scheduled:
                row.follows = row.batch in parted

    @property
    def is_narrowed(self) -> bool:
        """Whether filters or a search leave less than what is to decide."""
        return bool(self.query) or bool(set(self.params) - {"channel", "o", PAGE_VAR})

    def last_link(self) -> str:
        """Query string of the last page."""
        return self.page_link(self.pages)
