from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ecomai_forecast', '0002_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='forecastchange',
            name='needs',
            field=models.JSONField(editable=False, null=True),
        ),
    ]
