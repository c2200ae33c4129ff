from django.db import migrations


class Migration(migrations.Migration):
    """The index had no reader, and every run of the job wrote it anew."""

    dependencies = [
        ("ecomai_recommend", "0003_customerpreference"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="customerpreference", name="ecomai_preference_category"),
    ]
