"""After the visit: what was recorded; then a new price and a delivery. Prints as JSON."""

import json

from oscar.core.loading import get_model

from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Order, Product

placed = get_model("order", "Order").objects.order_by("-pk").first()
line = placed.lines.get()
copy = Product.objects.get(external_id=str(line.product_id))
behaviour = Event.objects.exclude(name__in=["view_item_list", "select_item", "user_engagement", "view_cart"])
answer = {
    "guest": placed.guest_email,
    "copied": list(Order.objects.filter(external_id=str(placed.pk)).values_list("status", "customer", "total")),
    "events": list(behaviour.order_by("id").values_list("name", flat=True)),
    "visitors": behaviour.values("visitor_id").distinct().count(),
    "clicked": Event.objects.filter(name="select_item").exists(),
    "stock": copy.stock,
}
record = line.stockrecord
record.price, record.num_in_stock = "2.25", 80
record.save()
copy.refresh_from_db()
answer |= {"price_now": copy.price, "stock_now": copy.stock}
print(json.dumps(answer, default=str))
