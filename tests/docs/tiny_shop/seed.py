"""Sixty days of a small shop: two shelves whose articles are bought in pairs, by forty customers.

Made in bulk, which sends no signals: it is the sync that copies them.
"""

import random
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.utils import timezone
from shop.models import Article, Position, Purchase, Shelf

chance = random.Random(7)
shelves = [Shelf.objects.create(name=name) for name in ("Lanterns", "Tea")]
words = {"Lanterns": ("Lantern", "Candle"), "Tea": ("Teapot", "Cup")}
pairs = [
    [
        Article(name=f"{word} no. {number}", shelf=shelf, price_gross=Decimal(number), in_stock=50, text=shelf.name)
        for word in words[shelf.name]
    ]
    for shelf in shelves
    for number in range(1, 9)
]
Article.objects.bulk_create(article for pair in pairs for article in pair)
now = timezone.now()
buyers = get_user_model().objects.bulk_create(get_user_model()(username=f"buyer{number}") for number in range(40))
purchases, positions = [], []
for number, buyer in enumerate(buyers):
    likes = pairs[:8] if number % 2 else pairs[8:]
    for _ in range(6):
        purchase = Purchase(
            buyer=buyer, created=now - timedelta(days=chance.randint(1, 60), minutes=number), state="complete"
        )
        purchases.append(purchase)
        positions += [
            Position(purchase=purchase, article=article, pieces=1, price=article.price_gross)
            for article in chance.choice(likes)
        ]
Purchase.objects.bulk_create(purchases)
Position.objects.bulk_create(positions)
