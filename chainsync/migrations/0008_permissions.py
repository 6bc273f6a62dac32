"""Who may replay events and switch listeners; what a watch over listeners and recent events reads."""

from typing import Any

from django.db import migrations, models

import contracts.ids


def fill(apps: Any, schema_editor: Any) -> None:
    for listener in apps.get_model("chainsync", "EventListener").objects.filter(uid=None).iterator():
        listener.uid = contracts.ids.new_uid()
        listener.save(update_fields=["uid"])


class Migration(migrations.Migration):
    dependencies = [("chainsync", "0007_differences")]
    operations = [
        migrations.AlterModelOptions(
            name="chainevent",
            options={
                "default_permissions": ("view",),
                "permissions": [("replay_event", "Can replay events")],
            },
        ),
        migrations.AlterModelOptions(
            name="eventlistener",
            options={
                "default_permissions": ("view",),
                "permissions": [("switch_listener", "Can switch listeners on and off")],
            },
        ),
        migrations.AddField(
            model_name="eventlistener",
            name="missed_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When two intervals were first found to have passed without a success.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="eventlistener",
            name="uid",
            field=models.CharField(editable=False, max_length=22, null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="eventlistener",
            name="uid",
            field=models.CharField(default=contracts.ids.new_uid, editable=False, max_length=22, unique=True),
        ),
        migrations.AlterField(
            model_name="chainevent",
            name="quarantine_reason",
            field=models.TextField(
                blank=True, help_text="In one line, or the traceback of the processor that failed."
            ),
        ),
        migrations.AddIndex(
            model_name="chainevent",
            index=models.Index(
                condition=models.Q(
                    ("processed_at", None), models.Q(("quarantine_reason", ""), _negated=True)
                ),
                fields=["network", "address"],
                name="event_quarantined",
            ),
        ),
        migrations.AddIndex(
            model_name="chainevent",
            index=models.Index(fields=["seen_at"], name="event_seen"),
        ),
    ]
