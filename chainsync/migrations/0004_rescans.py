from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chainsync", "0003_soroban_cursor")]

    operations = [
        migrations.AddField(
            model_name="eventlistener",
            name="asked_at",
            field=models.DateTimeField(
                blank=True, help_text="The last reading that somebody waited for.", null=True
            ),
        ),
        migrations.AddField(
            model_name="eventlistener",
            name="rescanned_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the last minutes before the cursor were last read once more.",
                null=True,
            ),
        ),
    ]
