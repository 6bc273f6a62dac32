"""What an event was never changes; what it means may be learned later, until a processor has taken it."""

from django.db import migrations

KEEP = """
DROP TRIGGER event_fixed ON chainsync_chainevent;
CREATE TRIGGER event_fixed BEFORE UPDATE ON chainsync_chainevent
    FOR EACH ROW WHEN (
        (OLD.network, OLD.address, OLD.consensus_at, OLD.log_index, OLD.topics, OLD.data)
        IS DISTINCT FROM
        (NEW.network, NEW.address, NEW.consensus_at, NEW.log_index, NEW.topics, NEW.data)
    ) EXECUTE FUNCTION paydate_refuse('rewritten');
CREATE TRIGGER event_meaning_fixed BEFORE UPDATE ON chainsync_chainevent
    FOR EACH ROW WHEN (
        OLD.processed_at IS NOT NULL
        AND (OLD.name, OLD.key, OLD.args) IS DISTINCT FROM (NEW.name, NEW.key, NEW.args)
    ) EXECUTE FUNCTION paydate_refuse('rewritten');
"""

BEFORE = """
DROP TRIGGER event_meaning_fixed ON chainsync_chainevent;
DROP TRIGGER event_fixed ON chainsync_chainevent;
CREATE TRIGGER event_fixed BEFORE UPDATE ON chainsync_chainevent
    FOR EACH ROW WHEN (
        (OLD.network, OLD.address, OLD.consensus_at, OLD.log_index, OLD.name, OLD.key, OLD.args, OLD.topics, OLD.data)
        IS DISTINCT FROM
        (NEW.network, NEW.address, NEW.consensus_at, NEW.log_index, NEW.name, NEW.key, NEW.args, NEW.topics, NEW.data)
    ) EXECUTE FUNCTION paydate_refuse('rewritten');
"""


class Migration(migrations.Migration):
    dependencies = [("chainsync", "0004_rescans")]
    operations = [migrations.RunSQL(KEEP, BEFORE)]
