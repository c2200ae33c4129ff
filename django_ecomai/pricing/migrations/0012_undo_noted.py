from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("ecomai_pricing", "0011_price_test_reasons"),
    ]

    operations = [
        migrations.AddField(
            model_name="pricechange",
            name="undoing_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="undoing_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="undoing",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddIndex(
            model_name="pricechange",
            index=models.Index(
                condition=models.Q(("undoing_since__isnull", False)),
                fields=["undoing_since"],
                name="ecomai_pricechange_undoing",
            ),
        ),
    ]
