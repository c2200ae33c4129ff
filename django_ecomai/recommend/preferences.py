"""Category preferences of customers: worked out in a worker, kept as rows, read by the admin and by segments.

Only with ``ECOMAI["CUSTOMER_PREFERENCES"]``: without it nothing is worked out, and what was kept is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import refused
from django_ecomai.core.registry import CustomerFeature, PersonalData
from django_ecomai.events.models import VisitorIdentity
from django_ecomai.mirror.models import Category, Order

from .models import CustomerPreference
from .weights import PURCHASE

if TYPE_CHECKING:
    from django_ecomai.ml.frames import Interactions
    from django_ecomai.runs.services import RunContext

# What is kept of a customer: his likeliest categories, and none less likely than this.
KEPT, LEAST = 5, 0.05
_BATCH = 2000
_TEST_DAYS = 30


def preferences_compute(context: RunContext) -> int:
    """Work the preferences of all customers with orders out and replace the kept ones; returns how many rows there are.

    The run's metrics show accuracy, log-loss and calibration on the last 30 days beside each customer's most frequent
    category and the shop's.
    """
    if not ecomai.CUSTOMER_PREFERENCES:
        gone = preferences_delete(channel=context.channel)
        context.log(
            _('Switched off by ECOMAI["CUSTOMER_PREFERENCES"]; %(count)d stored preferences deleted.') % {"count": gone}
        )
        context.progress(1.0, _("Preferences are switched off."))
        return 0
    import numpy as np

    from django_ecomai.ml.columns import SECONDS_PER_DAY
    from django_ecomai.ml.recommend.next_category import NextCategory

    from .dataset import dataset_read

    data = dataset_read(context.channel, progress=context.part(0.0, 0.3))
    bought = data.interactions.at_least(PURCHASE)
    names = sorted({name for name in data.catalogue.category if name})
    place = {name: at for at, name in enumerate(names)}
    codes = np.array([place.get(name, -1) for name in data.catalogue.category], dtype=np.int32)
    if not len(bought) or not names:
        preferences_delete(channel=context.channel)
        context.progress(1.0, _("There are no orders with categories yet."))
        return 0
    context.progress(0.3, _("testing on the last orders"))
    model = NextCategory()
    # Of orders, not of visits: these may have begun long after the imported orders ended.
    last = int(bought.times[-1])
    tested = model.evaluate(bought, codes, cut=last - _TEST_DAYS * SECONDS_PER_DAY)
    context.metrics(next_category={name: asdict(metrics) for name, metrics in tested.items()})
    context.progress(0.6, _("learning from everything that is known"))
    now = last + 1
    model.fit(bought, codes, now=now)
    customers = _customers(bought, data.user_names)
    rows = list(_rows(context, model, bought, codes, names, customers, now))
    with transaction.atomic():
        preferences_delete(channel=context.channel)
        # Who was erased since the orders were read must not come back.
        still = _tied(context.channel, sorted(customers.values()))
        objecting = refused(
            channel=context.channel, persons=(("customer", name) for name in still), purpose="personalization"
        )
        still -= {name for _kind, name in objecting}
        rows = [row for row in rows if row.customer_id in still]
        CustomerPreference.objects.bulk_create(rows, batch_size=_BATCH)
    context.progress(1.0, _("The preferences of %(count)d customers are known.") % {"count": len(still)})
    return len(rows)


def _customers(bought: Interactions, names: list[str]) -> dict[int, str]:
    """Index -> customer id; visitors and orders of strangers are nobody's preference."""
    import numpy as np

    found = {int(user): names[user] for user in np.unique(bought.users)}
    return {user: name for user, name in found.items() if not name.startswith(("visitor:", "order:"))}


def _tied(channel: str, customers: list[str]) -> set[str]:
    """Those whom an order or a linked visitor still names: an erasure cuts both."""
    orders = Order.objects.filter(channel=channel).order_by()
    links = VisitorIdentity.objects.filter(channel=channel).order_by()
    found: set[str] = set()
    for start in range(0, len(customers), _BATCH):
        some = customers[start : start + _BATCH]
        found.update(
            orders.filter(customer__external_id__in=some).values_list("customer__external_id", flat=True).distinct()
        )
        found.update(links.filter(customer_id__in=some).values_list("customer_id", flat=True).distinct())
    return found


def _rows(
    context: RunContext,
    model: Any,
    bought: Interactions,
    codes: Any,
    names: list[str],
    customers: dict[int, str],
    now: int,
) -> Iterator[CustomerPreference]:
    import numpy as np

    users = np.array(sorted(customers), dtype=np.int32)
    probabilities = model.predict(bought, codes, users, now=now)
    for user, row in zip(users.tolist(), probabilities, strict=True):
        for at in np.argsort(-row, kind="stable")[:KEPT]:
            if row[at] >= LEAST:
                yield CustomerPreference(
                    channel=context.channel,
                    customer_id=customers[user],
                    category_id=names[int(model.categories_[at])],
                    probability=round(float(row[at]), 4),
                    run=context.run.pk,
                )


def preferences_delete(*, channel: str) -> int:
    """Forget what is kept in a channel; returns how many rows went."""
    return CustomerPreference.objects.filter(channel=channel).delete()[0]


def preferences_of(*, channel: str, customer_ids: Iterable[str]) -> dict[str, list[tuple[str, float]]]:
    """Category id and probability per customer, likeliest first, in one query; customers without any are absent."""
    rows = CustomerPreference.objects.filter(channel=channel, customer_id__in=list(customer_ids))
    found: dict[str, list[tuple[str, float]]] = {}
    for customer, category, probability in rows.order_by("-probability", "category_id").values_list(
        "customer_id", "category_id", "probability"
    ):
        found.setdefault(customer, []).append((category, probability))
    return found


def _shown(channel: str, customer_id: str) -> list[str]:
    """``Lamps 42 %`` per category, for the customer's page."""
    own = preferences_of(channel=channel, customer_ids=[customer_id]).get(customer_id, [])
    names = dict(
        Category.objects.filter(channel=channel, external_id__in=[category for category, _p in own]).values_list(
            "external_id", "name"
        )
    )
    return [f"{names.get(category, category)} {formats.number_format(p * 100, 0)} %" for category, p in own]


FEATURE = CustomerFeature(label=gettext_lazy("likely to buy next from"), shown=_shown, values=preferences_of)


def _export(subject: Any) -> Iterator[dict[str, Any]]:
    rows = CustomerPreference.objects.filter(channel=subject.channel, customer_id__in=set(subject.customer_ids) - {""})
    for customer, category, probability in rows.order_by("customer_id", "-probability").values_list(
        "customer_id", "category_id", "probability"
    ):
        yield {"customer": customer, "category": category, "probability": probability}


def _erase(subject: Any) -> int:
    rows = CustomerPreference.objects.filter(channel=subject.channel, customer_id__in=set(subject.customer_ids) - {""})
    return rows.delete()[0]


def _kept() -> str:
    return _("until the next run of the job, a week")


PERSONAL = PersonalData(
    gettext_lazy("Category preferences"),
    gettext_lazy("recommendations"),
    _export,
    _erase,
    columns={"ecomai_recommend.CustomerPreference": {"customer_id": "customer"}},
    explanation=gettext_lazy("Worked out from your orders: from which categories your next order is likely to be."),
    kept=_kept,
    derived=True,
)
