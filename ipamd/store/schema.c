// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "store/schema.h"

/*
 * Version 1. How the rules of the pool are held (as of version 7: schema_7.c):
 * - One address, one lease: leases.address is UNIQUE.
 * - A leased address cannot become free, cooling or leaving, nor vanish: leases refer to (address, state); a change of the
 *   address's state cascades into leases.address_state, whose CHECK only knows leased and lost.
 * - Only a free address of a ready ENI of ours becomes leased: trigger.
 * - An ENI with leases is not drained, detached, deleted: triggers. One that leaves has only leaving addresses: triggers.
 * Text instead of numbers for states, so that a person with sqlite3 can read the file.
 */
static const char version_1[] =
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

        "CREATE TABLE enis ("
        "  key INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: other tables and plans hold it */
        "  state TEXT NOT NULL CHECK (state IN ('creating', 'attaching', 'configuring', 'ready', 'draining',"
        "                                       'detaching', 'deleting')),"
        "  is_primary INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),"
        "  managed INTEGER NOT NULL DEFAULT 1 CHECK (managed IN (0, 1)),"
        "  in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt IN (0, 1)),"
        "  client_token TEXT UNIQUE,"
        "  eni_id TEXT UNIQUE,"
        "  attachment_id TEXT UNIQUE,"
        "  subnet_id TEXT NOT NULL DEFAULT '',"
        "  subnet_cidr TEXT NOT NULL DEFAULT '',"
        "  mac TEXT,"
        "  primary_address TEXT,"
        "  device_index INTEGER NOT NULL CHECK (device_index >= 0),"
        "  network_card INTEGER NOT NULL DEFAULT 0 CHECK (network_card >= 0),"
        "  asked_addresses INTEGER NOT NULL DEFAULT 0 CHECK (asked_addresses >= 0),"
        "  created_ms INTEGER NOT NULL,"
        "  since_ms INTEGER NOT NULL,"
        "  CHECK (state NOT IN ('creating') OR client_token IS NOT NULL),"
        "  CHECK (state NOT IN ('creating') OR attachment_id IS NULL),"
        "  CHECK (state IN ('creating', 'deleting') OR eni_id IS NOT NULL),"
        "  CHECK (is_primary = 0 OR (managed = 1 AND state IN ('configuring', 'ready'))),"
        "  CHECK (managed = 1 OR state NOT IN ('draining', 'detaching', 'deleting')));"
        "CREATE UNIQUE INDEX enis_one_primary ON enis (is_primary) WHERE is_primary = 1;"
        /* EC2 may give what a deleted ENI had to the next one, before we know that the first is gone. */
        "CREATE UNIQUE INDEX enis_mac ON enis (mac) WHERE state NOT IN ('detaching', 'deleting');"
        "CREATE UNIQUE INDEX enis_primary_address ON enis (primary_address)"
        "  WHERE managed = 1 AND state NOT IN ('detaching', 'deleting');"
        "CREATE INDEX enis_primaries ON enis (primary_address);"
        "CREATE INDEX enis_order ON enis (network_card, device_index);"

        "CREATE TABLE addresses ("
        "  address TEXT PRIMARY KEY,"
        "  eni INTEGER NOT NULL REFERENCES enis (key),"
        "  state TEXT NOT NULL"
        "    CHECK (state IN ('preparing', 'free', 'leased', 'cooling', 'leaving', 'lost')),"
        "  cooling_until_ms INTEGER NOT NULL DEFAULT 0,"
        "  last_used_ms INTEGER NOT NULL DEFAULT 0,"
        "  UNIQUE (address, state)) WITHOUT ROWID;"
        "CREATE INDEX addresses_pick ON addresses (eni, state, last_used_ms, address);"
        "CREATE INDEX addresses_cooling ON addresses (cooling_until_ms) WHERE state = 'cooling';"

        "CREATE TABLE leases ("
        "  network TEXT NOT NULL,"
        "  container_id TEXT NOT NULL,"
        "  ifname TEXT NOT NULL,"
        "  address TEXT NOT NULL UNIQUE,"
        "  address_state TEXT NOT NULL DEFAULT 'leased' CHECK (address_state IN ('leased', 'lost')),"
        "  state TEXT NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'wired')),"
        "  host_ifname TEXT NOT NULL,"
        "  netns TEXT NOT NULL,"
        "  pod_namespace TEXT NOT NULL,"
        "  pod_name TEXT NOT NULL,"
        "  pod_uid TEXT NOT NULL,"
        "  since_ms INTEGER NOT NULL,"
        "  since_wall_ms INTEGER NOT NULL,"
        "  link_missing_since_ms INTEGER NOT NULL DEFAULT 0,"
        "  PRIMARY KEY (container_id, network, ifname),"
        "  FOREIGN KEY (address, address_state) REFERENCES addresses (address, state)"
        "    ON UPDATE CASCADE ON DELETE RESTRICT) WITHOUT ROWID;"

        "CREATE TABLE waiting ("
        "  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,"
        "  since_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL,"
        "  PRIMARY KEY (container_id, network, ifname)) WITHOUT ROWID;"

        "CREATE TABLE blocked ("
        "  action TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL,"
        "  until_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
        "  PRIMARY KEY (action, subject)) WITHOUT ROWID;"

        "CREATE TABLE events ("
        "  id INTEGER PRIMARY KEY, at_wall_ms INTEGER NOT NULL,"
        "  kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL);"

        "CREATE TRIGGER lease_only_of_ready BEFORE INSERT ON leases"
        "  WHEN NEW.address_state <> 'leased' OR NOT EXISTS (SELECT 1 FROM addresses a JOIN enis e ON e.key "
        "= a.eni"
        "    WHERE a.address = NEW.address AND e.state = 'ready' AND e.managed = 1)"
        "  BEGIN SELECT RAISE(ABORT, 'a lease needs an address of a ready ENI'); END;"
        "CREATE TRIGGER lease_is_not_replaced BEFORE INSERT ON leases"
        "  WHEN EXISTS (SELECT 1 FROM leases WHERE address = NEW.address)"
        "  BEGIN SELECT RAISE(ABORT, 'the address is leased'); END;"
        "CREATE TRIGGER lease_keeps_its_address BEFORE UPDATE OF address ON leases WHEN NEW.address <> "
        "OLD.address"
        "  BEGIN SELECT RAISE(ABORT, 'a lease keeps its address'); END;"
        "CREATE TRIGGER address_leased_from_free BEFORE UPDATE OF state ON addresses"
        "  WHEN NEW.state = 'leased' AND OLD.state NOT IN ('free', 'lost', 'leased')"
        "  BEGIN SELECT RAISE(ABORT, 'only a free address can be leased'); END;"
        "CREATE TRIGGER address_lost_from_leased BEFORE UPDATE OF state ON addresses"
        "  WHEN (NEW.state = 'lost' AND OLD.state NOT IN ('leased', 'lost'))"
        "    OR (OLD.state = 'lost' AND NEW.state NOT IN ('leased', 'lost'))"
        "  BEGIN SELECT RAISE(ABORT, 'a lost address stays with its lease'); END;"
        "CREATE TRIGGER address_stays_on_its_eni BEFORE UPDATE OF eni ON addresses"
        "  WHEN NEW.eni <> OLD.eni AND OLD.state IN ('leased', 'lost')"
        "  BEGIN SELECT RAISE(ABORT, 'a leased address stays on its ENI'); END;"
        "CREATE TRIGGER address_begins_unused BEFORE INSERT ON addresses WHEN NEW.state NOT IN ('preparing', "
        "'leaving')"
        "  BEGIN SELECT RAISE(ABORT, 'an address begins as preparing'); END;"
        "CREATE TRIGGER address_is_no_primary BEFORE INSERT ON addresses"
        "  WHEN EXISTS (SELECT 1 FROM enis WHERE primary_address = NEW.address"
        "    AND state NOT IN ('detaching', 'deleting'))"
        "  BEGIN SELECT RAISE(ABORT, 'a primary address is not for pods'); END;"
        "CREATE TRIGGER address_of_leaving_eni_arrives BEFORE INSERT ON addresses"
        "  WHEN NEW.state <> 'leaving'"
        "   AND (SELECT state FROM enis WHERE key = NEW.eni) IN ('detaching', 'deleting')"
        "  BEGIN SELECT RAISE(ABORT, 'the ENI of this address is leaving'); END;"
        "CREATE TRIGGER address_of_leaving_eni_changes BEFORE UPDATE OF state, eni ON addresses"
        "  WHEN NEW.state <> 'leaving'"
        "   AND (SELECT state FROM enis WHERE key = NEW.eni) IN ('detaching', 'deleting')"
        "  BEGIN SELECT RAISE(ABORT, 'the ENI of this address is leaving'); END;"
        "CREATE TRIGGER eni_with_leases_stays BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('draining', 'detaching', 'deleting')"
        "   AND EXISTS (SELECT 1 FROM addresses a JOIN leases l ON l.address = a.address WHERE a.eni = "
        "NEW.key)"
        "  BEGIN SELECT RAISE(ABORT, 'the ENI has leases'); END;"
        "CREATE TRIGGER eni_leaves_with_its_addresses BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('detaching', 'deleting')"
        "   AND EXISTS (SELECT 1 FROM addresses WHERE eni = NEW.key AND state <> 'leaving')"
        "  BEGIN SELECT RAISE(ABORT, 'addresses of the ENI are not leaving'); END;"
        "CREATE TRIGGER eni_goes_empty BEFORE DELETE ON enis"
        "  WHEN EXISTS (SELECT 1 FROM addresses WHERE eni = OLD.key)"
        "  BEGIN SELECT RAISE(ABORT, 'the ENI has addresses'); END;";

/*
 * Version 2. A lease whose address was asked for alone (the plugin as another's IPAM plugin): somebody else wires the pod,
 * and there is no host link of ours to tell whether it is still there.
 */
static const char version_2[] = "ALTER TABLE leases ADD COLUMN address_only INTEGER NOT NULL DEFAULT 0"
                                "  CHECK (address_only IN (0, 1));";

/* Version 3. What an event is about besides its subject, so that the history of a pod or an address can be given: see store_note(). */
static const char version_3[] = "ALTER TABLE events ADD COLUMN pod TEXT NOT NULL DEFAULT '';"
                                "ALTER TABLE events ADD COLUMN container_id TEXT NOT NULL DEFAULT '';"
                                "ALTER TABLE events ADD COLUMN eni_id TEXT NOT NULL DEFAULT '';";

/*
 * Version 4. Leases of another daemon of this node (aws-vpc-cni) that are to become ours. While one is pending its
 * address stays "preparing": nobody gets it, and it is not given back, before the kernel has been asked whether its pod lives.
 */
static const char version_4[] =
        "CREATE TABLE imports ("
        "  address TEXT PRIMARY KEY,"
        "  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,"
        "  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL,"
        "  since_wall_ms INTEGER NOT NULL,"
        "  verdict TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN ('pending', 'taken', 'aside')),"
        "  reason TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
        "CREATE TRIGGER import_is_not_free BEFORE UPDATE OF state ON addresses"
        "  WHEN NEW.state IN ('free', 'leaving') AND OLD.state = 'preparing'"
        "   AND EXISTS (SELECT 1 FROM imports WHERE address = NEW.address AND verdict = 'pending')"
        "  BEGIN SELECT RAISE(ABORT, 'the address waits to be taken over'); END;";

/*
 * Version 5.
 * - An address that waits for a pod to get its lease is nobody else's, wherever it comes from: not free, not cooling (which
 *   ends as free), not given back, not leased to another container; and its ENI stays.
 * - An address may be doubted: EC2 was not asked since the boot, or its last resync did not show it. It is kept, and not
 *   offered, until a resync decides.
 * - An ENI of ours may be untagged: EC2 shows it without our tag. Its pods keep what they have, and nothing more of it is offered.
 * - The link of an ENI may be missing, though EC2 has it attached: nothing of it is on its way.
 * - Somebody may have put an Elastic IP on an ENI or on one of its addresses: these are not given back.
 * - What was given back to EC2 is remembered, because a late Describe may show it once more: an address of an ENI, or
 *   (address '') the ENI itself.
 * - The name of a host link is one live lease's alone; of several sandboxes of one pod it is the newest one's.
 */
static const char version_5[] =
        "DROP TRIGGER import_is_not_free;"
        "UPDATE addresses AS a SET state = 'preparing' WHERE state = 'cooling'"
        "  AND EXISTS (SELECT 1 FROM imports WHERE address = a.address AND verdict = 'pending');"
        "CREATE TRIGGER import_is_not_free BEFORE UPDATE OF state ON addresses"
        "  WHEN NEW.state IN ('free', 'cooling', 'leaving') AND NEW.state <> OLD.state AND NEW.eni = OLD.eni"
        "   AND EXISTS (SELECT 1 FROM imports WHERE address = NEW.address AND verdict = 'pending')"
        "  BEGIN SELECT RAISE(ABORT, 'the address waits to be taken over'); END;"
        "CREATE TRIGGER import_is_not_anothers BEFORE INSERT ON leases"
        "  WHEN EXISTS (SELECT 1 FROM imports WHERE address = NEW.address AND verdict = 'pending'"
        "    AND container_id <> NEW.container_id)"
        "  BEGIN SELECT RAISE(ABORT, 'the address waits for another container'); END;"
        "CREATE TRIGGER eni_with_imports_stays BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('draining', 'detaching', 'deleting')"
        "   AND OLD.state NOT IN ('detaching', 'deleting')"
        "   AND EXISTS (SELECT 1 FROM addresses a JOIN imports i ON i.address = a.address"
        "     WHERE a.eni = NEW.key AND i.verdict = 'pending')"
        "  BEGIN SELECT RAISE(ABORT, 'an address of the ENI waits to be taken over'); END;"
        "ALTER TABLE addresses ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0"
        "  CHECK (doubted = 0 OR (doubted = 1 AND state NOT IN ('free', 'cooling')));"
        "ALTER TABLE enis ADD COLUMN untagged INTEGER NOT NULL DEFAULT 0"
        "  CHECK (untagged = 0 OR (untagged = 1 AND state <> 'ready'));"
        "ALTER TABLE enis ADD COLUMN link_missing INTEGER NOT NULL DEFAULT 0 CHECK (link_missing IN (0, 1));"
        "ALTER TABLE enis ADD COLUMN public_address TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE addresses ADD COLUMN associated INTEGER NOT NULL DEFAULT 0 CHECK (associated IN (0, 1));"
        "CREATE TABLE given_back ("
        "  eni_id TEXT NOT NULL, address TEXT NOT NULL, since_ms INTEGER NOT NULL,"
        "  PRIMARY KEY (eni_id, address)) WITHOUT ROWID;"
        "UPDATE leases SET host_ifname = '' WHERE address_only = 0 AND EXISTS (SELECT 1 FROM leases n"
        "  WHERE n.host_ifname = leases.host_ifname AND n.address_only = 0 AND n.address <> leases.address"
        "   AND (n.since_ms > leases.since_ms"
        "        OR (n.since_ms = leases.since_ms AND n.address > leases.address)));"
        "CREATE UNIQUE INDEX leases_host_link ON leases (host_ifname)"
        "  WHERE host_ifname <> '' AND address_only = 0;";

/* Version 6. The pool's generation changes with each loss: see generation.h. A gain is no harm: an older copy only has less. */
#define NEW_GENERATION                                                                                       \
        " BEGIN INSERT INTO facts VALUES ('generation', hex(randomblob(8)))"                                 \
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value; END;"
static const char version_6[] =
        "CREATE TRIGGER generation_address_goes AFTER DELETE ON addresses" NEW_GENERATION
        "CREATE TRIGGER generation_address_leaves AFTER UPDATE OF state, eni, doubted ON addresses"
        "  WHEN (NEW.state IN ('leaving', 'lost') AND NEW.state <> OLD.state)"
        "    OR NEW.eni <> OLD.eni OR NEW.doubted > OLD.doubted" NEW_GENERATION
        "CREATE TRIGGER generation_given_back AFTER INSERT ON given_back" NEW_GENERATION
        "CREATE TRIGGER generation_settled AFTER DELETE ON given_back" NEW_GENERATION;

static const char *const versions[][2] = {{version_1}, {version_2}, {version_3},
                                          {version_4}, {version_5}, {version_6}};

/* Each ends with NULL. */
static const char *const *const scripts[] = {versions[0],      versions[1],      versions[2],
                                             versions[3],      versions[4],      versions[5],
                                             schema_version_7, schema_version_8, schema_version_9};

const int schema_version = ARRAY_SIZE(scripts);

static int run_script(struct store *store, const char *sql, struct err *err)
{
        int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

        return rc == SQLITE_OK ? 0 : store_fail(store, rc, err);
}

static int read_versions(struct store *store, int64_t *ret_id, int64_t *ret_version, struct err *err)
{
        int64_t objects = 0;
        int r = stmt_number(store, "PRAGMA application_id", NO_VALUES, ret_id, err);

        if (r >= 0)
                r = stmt_number(store, "PRAGMA user_version", NO_VALUES, ret_version, err);
        if (r >= 0)
                r = stmt_number(store, "SELECT count(*) FROM sqlite_schema", NO_VALUES, &objects, err);
        if (r < 0)
                return r;
        if (*ret_id == 0 && *ret_version == 0 && objects == 0) {
                *ret_id = SCHEMA_APPLICATION_ID; /* nothing in it yet, not even a version: ours to fill */
                return 0;
        }
        if (*ret_id != SCHEMA_APPLICATION_ID || *ret_version < 1)
                return err_set(
                        err, ERR_UNSUPPORTED,
                        "%s is another program's database: move it away, or set VPCWIRE_DB to another path",
                        store->path);
        if (*ret_version > schema_version)
                return err_set(err, ERR_UNSUPPORTED,
                               "%s has schema version %lld, this ipamd knows up to %d: run the newer ipamd, "
                               "or drain the node and remove the file",
                               store->path, (long long)*ret_version, schema_version);
        return 0;
}

int schema_check_version(struct store *store, struct err *err)
{
        int64_t id = 0, version = 0;
        int r = read_versions(store, &id, &version, err);

        if (r == 0 && version != schema_version)
                return err_set(err, ERR_INTERNAL, "%s was not prepared: its schema version is %lld, not %d",
                               store->path, (long long)version, schema_version);
        return r;
}

int schema_run(struct store *store, int from, int to, struct err *err)
{
        for (int v = from; v < to; v++) {
                for (const char *const *script = scripts[v]; *script; script++) {
                        if (run_script(store, *script, err) < 0)
                                return err_wrap(err, "make schema version %d", v + 1);
                }
        }
        return 0;
}

int schema_migrate(struct store *store, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t id = 0, version = 0;
        char mark[128];
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = read_versions(store, &id, &version, err);
        if (r == 0)
                r = schema_check_text(store, (int)version, err);
        if (r < 0 || version == schema_version)
                return r;
        r = schema_run(store, (int)version, schema_version, err);
        snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                 SCHEMA_APPLICATION_ID, schema_version);
        if (r == 0)
                r = run_script(store, mark, err);
        return r < 0 ? r : store_commit(&tx, err);
}
