"""The database itself keeps what the chain said: no event is deleted, and none is rewritten."""

from django.db import migrations

KEEP = """
CREATE TRIGGER event_kept BEFORE DELETE ON chainsync_chainevent
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER event_fixed BEFORE UPDATE ON chainsync_chainevent
    FOR EACH ROW WHEN (
        (OLD.network, OLD.address, OLD.consensus_at, OLD.log_index, OLD.name, OLD.key, OLD.args, OLD.topics, OLD.data)
        IS DISTINCT FROM
        (NEW.network, NEW.address, NEW.consensus_at, NEW.log_index, NEW.name, NEW.key, NEW.args, NEW.topics, NEW.data)
    ) EXECUTE FUNCTION paydate_refuse('rewritten');
"""

FORGET = """
DROP TRIGGER event_kept ON chainsync_chainevent;
DROP TRIGGER event_fixed ON chainsync_chainevent;
"""


class Migration(migrations.Migration):
    dependencies = [("chainsync", "0001_listeners_and_events"), ("contracts", "0002_evidence_is_kept")]
    operations = [migrations.RunSQL(KEEP, FORGET)]
