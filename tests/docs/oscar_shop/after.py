"""After the visit: what was recorded; then a new price and a delivery. Prints as JSON."""

import json
from decimal import Decimal

from oscar.core.loading import get_model

from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Order, Product

placed = get_model("order", "Order").objects.order_by("-pk").first()
line = placed.lines.get()
copy = Product.objects.get(external_id=str(line.product_id))
bought = Event.objects.get(name="purchase", order_id=str(placed.pk))
visit = Event.objects.filter(visitor_id=bought.visitor_id).exclude(visitor_id="").order_by("id")
shown = ["view_item_list", "select_item", "user_engagement", "view_cart"]  # what the beacon reports
answer = {
    "guest": placed.guest_email,
    "total": placed.total_incl_tax,
    "copied": list(Order.objects.filter(external_id=str(placed.pk)).values_list("status", "customer", "total")),
    "events": list(visit.exclude(name__in=shown).values_list("name", flat=True)),
    "clicked": [str(line.product_id)] == list(visit.filter(name="select_item").values_list("product_id", flat=True)),
    "stock": [copy.stock, line.stockrecord.net_stock_level],
}
record = line.stockrecord
record.price, record.num_in_stock = record.price + Decimal("0.25"), record.num_in_stock + 30
record.save()
copy.refresh_from_db()
answer |= {"price_now": [copy.price, record.price], "stock_now": [copy.stock, record.net_stock_level]}
print(json.dumps(answer, default=str))
