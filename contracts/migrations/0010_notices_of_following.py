"""What people are told about following the chain, and who may have an asset read from it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contracts", "0009_changes_seen")]
    operations = [
        migrations.AlterModelOptions(
            name="asset",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("set_backing_contract", "Can set the backing contract of an asset"),
                    ("sync_asset", "Can have an asset read from the chain"),
                ],
            },
        ),
        migrations.AlterField(
            model_name="notice",
            name="cause",
            field=models.CharField(
                choices=[
                    ("BLOCKED", "A contract is blocked"),
                    ("SHORT", "A payout contract lacks money"),
                    ("CHECKS_FAIL", "Reserve checks fail again and again"),
                    ("DEFICIT_EXPECTED", "A deficit is to be expected"),
                    ("LIFE_ENDS", "A contract's state is about to be archived"),
                    ("NOT_FOLLOWED", "Nothing is read from the chain"),
                    ("QUARANTINED", "Events of the chain could not be processed"),
                ],
                max_length=20,
            ),
        ),
    ]
