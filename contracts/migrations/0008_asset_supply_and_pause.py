from django.db import migrations, models

import contracts.fields


class Migration(migrations.Migration):
    dependencies = [("contracts", "0007_sequence_is_identity")]

    operations = [
        migrations.AddField(
            model_name="asset",
            name="supply_units",
            field=contracts.fields.UnitsField(blank=True, help_text="Total supply, as last read.", null=True),
        ),
        migrations.AddField(
            model_name="asset",
            name="is_paused",
            field=models.BooleanField(
                blank=True, help_text="Whether its transfers were paused, as last read.", null=True
            ),
        ),
    ]
