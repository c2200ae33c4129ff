"""Sixty days of a small shop: two shelves whose articles are bought in pairs, by forty customers."""

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
        Article.objects.create(
            name=f"{word} no. {number}", shelf=shelf, price_gross=Decimal(number), in_stock=50, text=shelf.name
        )
        for word in words[shelf.name]
    ]
    for shelf in shelves
    for number in range(1, 9)
]
now = timezone.now()
User = get_user_model()
for number in range(40):
    buyer = User.objects.create(username=f"buyer{number}")
    likes = pairs[:8] if number % 2 else pairs[8:]
    for _ in range(6):
        purchase = Purchase.objects.create(
            buyer=buyer, created=now - timedelta(days=chance.randint(1, 60), minutes=number), state="complete"
        )
        for article in chance.choice(likes):
            Position.objects.create(purchase=purchase, article=article, pieces=1, price=article.price_gross)
