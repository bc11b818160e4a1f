// SPDX-License-Identifier: Apache-2.0
/*
 * Version 8: what cannot be done now has a kind and a cause, and not a sentence that is searched; and an event says what ended
 * a lease. The names are those of model/condition.h; a unit test compares them, and a new one is a new version.
 *
 * Of the table before only that is kept whose kind says its cause: a full ENI, a missing tag or link, an ENI that does not fit.
 * The cause of an EC2 call's back-off, and of the counts beside it, stood in its sentence alone: they begin anew (each call is made
 * once more, at the node's pace). Steps, warnings and the planner's word are found anew in the next round.
 */
#include "store/schema.h"
#include "store/schema_address.h"

/* clang-format off */
static const char conditions[] =
        "CREATE TABLE conditions ("
        "  kind TEXT NOT NULL CHECK (kind IN ('resync', 'find-subnets', 'create', 'recreate', 'attach',"
        "    'mark-delete-on-termination', 'assign', 'unassign', 'detach', 'delete', 'delete-on-termination',"
        "    'security-groups', 'find-orphans', 'delete-orphan', 'learn-subnet', 'store', 'identity', 'network',"
        "    'takeover', 'reclaim', 'firewalls', 'plan', 'tag-primary', 'orphans', 'grow', 'shrink', 'full', 'eni-tag',"
        "    'eni-link', 'take-in', 'attach-refused', 'token-not-shown', 'firewall', 'pod-route', 'occupied',"
        "    'main-route')),"
        "  object TEXT NOT NULL,"
        "  cause TEXT NOT NULL CHECK (cause IN ('throttled', 'transient', 'transport', 'capacity-subnet', 'capacity-eni',"
        "    'capacity-instance', 'capacity-account', 'gone', 'in-use', 'token-used', 'denied', 'credentials', 'request',"
        "    'paced', 'not-shown', 'nothing-new', 'step-failed', 'under-way', 'assign-blocked', "
        "'create-blocked',"
        "    'eni-leaving', 'eni-limit', 'pod-limit', 'type-limit', 'cooling', 'node-unknown', 'public-address',"
        "    'tag-missing', 'link-missing', 'does-not-fit', 'firewall-drops', 'route-misled', 'route-failed',"
        "    'host-has-address', 'no-lease', 'route-strayed', 'no-default-route')),"
        "  message TEXT NOT NULL,"
        "  attempts INTEGER NOT NULL CHECK (attempts >= 0),"
        "  retry_at_ms INTEGER NOT NULL,"
        "  PRIMARY KEY (kind, object)) WITHOUT ROWID;"
        "INSERT INTO conditions SELECT action, subject, CASE action WHEN 'full' THEN 'capacity-eni'"
        "  WHEN 'eni-tag' THEN 'tag-missing' WHEN 'eni-link' THEN 'link-missing' ELSE 'does-not-fit' END,"
        "  reason, attempts, until_ms FROM blocked WHERE action IN ('full', 'eni-tag', 'eni-link', 'take-in');"
        "DROP TABLE blocked;";
/* clang-format on */

/* What ended a lease is a field of its event; of older ones it stands in the text alone, and is shown as it is. */
static const char events[] = "ALTER TABLE events ADD COLUMN lease_end TEXT NOT NULL DEFAULT ''"
                             "  CHECK (lease_end IN ('', 'del', 'gc', 'link-gone', 'contradicted'));";

/* clang-format off */
/* A row without a lease is "skipped"; the fact of the first resync is that of the first resync. */
static const char imports[] =
        "CREATE TEMP TABLE old_imports AS SELECT * FROM imports;"
        "DROP TABLE imports;"
        "CREATE TABLE imports ("
        "  hex TEXT PRIMARY KEY CHECK (" IS_HEX("hex") "),"
        "  address TEXT AS (" TEXT_OF("hex") "),"
        "  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,"
        "  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL,"
        "  since_wall_ms INTEGER NOT NULL,"
        "  verdict TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN ('pending', 'taken', 'skipped')),"
        "  reason TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
        "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms, verdict, reason)"
        "  SELECT hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms,"
        "    iif(verdict = 'aside', 'skipped', verdict), reason FROM temp.old_imports;"
        "DROP TABLE temp.old_imports;"
        "UPDATE facts SET name = 'resynced' WHERE name = 'looked';";

/* A draining ENI of which an older copy did not know a pod is brought up to date all the same: it stays what it is. */
static const char rules_of_enis[] =
        "DROP TRIGGER eni_with_imports_stays;"
        "CREATE TRIGGER eni_with_imports_stays BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('draining', 'detaching', 'deleting') AND NEW.state <> OLD.state"
        "   AND OLD.state NOT IN ('detaching', 'deleting') AND EXISTS (SELECT 1 FROM imports i"
        "    JOIN blocks b ON " IN_BLOCK("i.hex") " WHERE b.eni = NEW.key AND i.verdict = 'pending')"
        " BEGIN SELECT RAISE(ABORT, 'an address of the ENI waits to be taken over'); END;";
/* clang-format on */

const char *const schema_version_8[] = {conditions,    events, imports, schema_rules_on_imports,
                                        rules_of_enis, NULL};
