from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ecomai_pricing", "0012_undo_noted")]

    operations = [
        migrations.CreateModel(
            name="LedgerWalk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(blank=True, default="", max_length=32)),
                (
                    "what",
                    models.CharField(choices=[("running", "what runs"), ("past", "the whole past")], max_length=8),
                ),
                ("asked", models.PositiveIntegerField(default=1)),
                ("walking", models.PositiveIntegerField(blank=True, null=True)),
                ("filled", models.PositiveIntegerField(default=0)),
                ("on_sale", models.BooleanField(default=True)),
                ("after", models.BigIntegerField(default=0)),
                ("products", models.PositiveIntegerField(default=0)),
                ("written", models.PositiveIntegerField(default=0)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "walk through the price ledger",
                "verbose_name_plural": "walks through the price ledger",
                "constraints": [
                    models.UniqueConstraint(fields=("channel", "what"), name="ecomai_ledgerwalk_uniq")
                ],
            },
        ),
    ]
