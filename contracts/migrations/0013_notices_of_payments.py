"""People are told of payments made twice, and of those that nobody has claimed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contracts", "0012_pausing")]
    operations = [
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
                    ("DIFFERS", "Stored events differ from the chain"),
                    ("PAID_TWICE", "A payment was made twice"),
                    ("UNCLAIMED", "Payments have been unclaimed for long"),
                    ("UNCLAIMED_EXPIRED", "Unclaimed payments have expired"),
                ],
                max_length=20,
            ),
        ),
    ]
