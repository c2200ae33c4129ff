"""A visitor looks at three lanterns; prints as JSON what the pages held before and after."""

import json
import re

from django.test import Client
from shop.models import Article


def names(page):
    return re.findall(r">((?:Lantern|Candle|Teapot|Cup) no\. \d)<", page.content.decode())


client = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
lanterns = Article.objects.filter(name__startswith="Lantern").order_by("pk")[:3]
before = names(client.get("/"))
product_page = client.get(lanterns[0].get_absolute_url())

from django_ecomai.events.services import track  # noqa: E402

for lantern in lanterns:
    page = client.get(lantern.get_absolute_url())
    track(name="view_item", request=page.wsgi_request, product=lantern)
print(
    json.dumps(
        {
            "before": before,
            "after": names(client.get("/")),
            "carousels": product_page.content.decode().count("data-ecomai-list"),
            "items": product_page.content.decode().count("data-ecomai-token"),
            "shows_itself": f">{lanterns[0].name}<" in product_page.content.decode().split("</h1>")[1],
            "script": "ecomai/beacon.js" in product_page.content.decode(),
        }
    )
)
