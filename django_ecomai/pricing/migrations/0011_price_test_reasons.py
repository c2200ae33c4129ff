from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ecomai_pricing", "0010_worklist_index")]

    operations = [
        migrations.AlterField(
            model_name="pricetest",
            name="reason",
            field=models.TextField(blank=True, default="", verbose_name="why it was stopped"),
        ),
        migrations.AlterField(
            model_name="pricetest",
            name="waits_for",
            field=models.TextField(blank=True, default="", verbose_name="waits for the shop"),
        ),
    ]
