// SPDX-License-Identifier: Apache-2.0
/*
 * Version 7: what EC2 gave (blocks) and who has what of it (addresses) are two things. A block is one row whatever its size; an
 * address has a row only while it is leased or not usable yet. So "free" is no state: it is what a usable block has no row for.
 *
 * Addresses are their bytes in hexadecimal digits, 8 or 32 of them: text that sorts as addresses do, so that "in the
 * block" is a comparison that any sqlite3 can make. What a person reads is in the views pods and pool; what follows from another column is derived
 * from it; what is counted (taken) is held against what there is.
 *
 * How the rules of the pool are held:
 * - One address, one lease: an address is one row, and has one column for its lease.
 * - A lease has addresses, one per family and network card at the most: foreign keys both ways, the lease's (to its first
 *   address) seen to at the commit, and a trigger.
 * - What is leased is not cooling, nor held: CHECK. It is leased as a new row of a usable block of a ready ENI of ours:
 *   trigger. It stays in its block, and the block on its ENI, and neither leaves: triggers.
 * - Blocks do not overlap, and have no ENI's own address: triggers.
 * - What waits for a pod to get its lease back is not free (held), not another container's, and its ENI stays: triggers.
 * - A doubted block (EC2 was not asked since the boot, or its last resync did not show it) is not usable: CHECK. EC2 shows
 *   blocks, and an Elastic IP keeps one from being given back: doubted and associated are of blocks, and so is what was
 *   given back (block '': the ENI itself). What somebody on the host has is one address: held is of addresses.
 * - The mark and the route table of an ENI are its own: UNIQUE.
 */
#include "store/schema.h"
#include "store/schema_address.h"

/* clang-format off */
/* ---- the rows of schema 6, whose addresses are IPv4 as text ---- */

#define V4_BYTE(n) "json_extract('[' || replace(address, '.', ',') || ']', '$[" n "]')"
#define V4_HEX \
        "printf('%02x%02x%02x%02x', " V4_BYTE("0") ", " V4_BYTE("1") ", " V4_BYTE("2") ", " V4_BYTE("3") ")"
#define IS_ROUTED "('configuring', 'ready', 'draining')"

static const char keep_rows[] =
        "CREATE TEMP TABLE old_enis AS SELECT *, CASE WHEN address IS NOT NULL THEN " V4_HEX " END AS hex"
        "  FROM (SELECT *, primary_address AS address FROM enis);"
        "CREATE TEMP TABLE old_addresses AS SELECT *, " V4_HEX " AS hex FROM addresses;"
        "CREATE TEMP TABLE old_leases AS SELECT *, " V4_HEX " AS hex, row_number() OVER () AS key FROM leases;"
        "CREATE TEMP TABLE old_imports AS SELECT *, " V4_HEX " AS hex FROM imports;"
        "CREATE TEMP TABLE old_given_back AS SELECT * FROM given_back;"
        "CREATE TEMP TABLE old_sequence AS SELECT seq FROM sqlite_sequence WHERE name = 'enis';"
        "DROP TABLE leases; DROP TABLE imports; DROP TABLE addresses; DROP TABLE given_back; DROP TABLE enis;";

static const char tables[] =
        "CREATE TABLE enis ("
        "  key INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: plans hold it */
        "  state TEXT NOT NULL CHECK (state IN ('creating', 'attaching', 'configuring', 'ready', 'draining',"
        "                                       'detaching', 'deleting')),"
        "  is_primary INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),"
        "  managed INTEGER NOT NULL DEFAULT 1 CHECK (managed IN (0, 1)),"
        "  in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt IN (0, 1)),"
        /* EC2 shows it without our tag: its pods keep what they have, and nothing more of it is offered */
        "  untagged INTEGER NOT NULL DEFAULT 0 CHECK (untagged = 0 OR (untagged = 1 AND state <> 'ready')),"
        "  link_missing INTEGER NOT NULL DEFAULT 0 CHECK (link_missing IN (0, 1)),"
        "  client_token TEXT UNIQUE,"
        "  eni_id TEXT UNIQUE,"
        "  attachment_id TEXT UNIQUE,"
        "  subnet_id TEXT NOT NULL DEFAULT '',"
        "  subnet_cidr TEXT NOT NULL DEFAULT '',"
        "  mac TEXT,"
        "  primary_hex TEXT CHECK (" IS_HEX("primary_hex") "),"
        "  primary_address TEXT AS (" TEXT_OF("primary_hex") "),"
        "  public_address TEXT NOT NULL DEFAULT '',"
        "  device_index INTEGER NOT NULL CHECK (device_index >= 0),"
        "  network_card INTEGER NOT NULL DEFAULT 0 CHECK (network_card >= 0),"
        "  mark_index INTEGER UNIQUE CHECK (mark_index > 0)," /* NULL: none of its packets is marked */
        "  route_table INTEGER UNIQUE CHECK (route_table > 0),"
        "  asked_addresses INTEGER NOT NULL DEFAULT 0 CHECK (asked_addresses >= 0),"
        "  created_ms INTEGER NOT NULL,"
        "  since_ms INTEGER NOT NULL,"
        "  CHECK (state <> 'creating' OR client_token IS NOT NULL),"
        "  CHECK (state <> 'creating' OR attachment_id IS NULL),"
        "  CHECK (state IN ('creating', 'deleting') OR eni_id IS NOT NULL),"
        "  CHECK (is_primary = 0 OR (managed = 1 AND state IN ('configuring', 'ready'))),"
        "  CHECK (managed = 1 OR state NOT IN ('draining', 'detaching', 'deleting')),"
        "  CHECK ((mark_index IS NULL AND route_table IS NULL) OR (is_primary = 0 AND state IN " IS_ROUTED ")));"
        "CREATE UNIQUE INDEX enis_one_primary ON enis (is_primary) WHERE is_primary = 1;"
        /* EC2 may give what a deleted ENI had to the next one, before we know that the first is gone. */
        "CREATE UNIQUE INDEX enis_mac ON enis (mac) WHERE state NOT IN ('detaching', 'deleting');"
        "CREATE UNIQUE INDEX enis_primary_address ON enis (primary_hex)"
        "  WHERE managed = 1 AND state NOT IN ('detaching', 'deleting');"
        "CREATE INDEX enis_primaries ON enis (primary_hex);"
        "CREATE INDEX enis_order ON enis (network_card, device_index);"

        "CREATE TABLE blocks ("
        "  key INTEGER PRIMARY KEY,"
        "  first TEXT NOT NULL CHECK (" IS_HEX("first") "),"
        /* EC2's sizes are whole digits, and that makes the last address a matter of text. More than 2^60 cannot be counted. */
        "  bits INTEGER NOT NULL CHECK (bits % 4 = 0 AND bits <= 4 * length(first) AND bits >= 4 * length(first) - 60"
        "    AND bits > 0),"
        "  eni INTEGER NOT NULL REFERENCES enis (key),"
        "  state TEXT NOT NULL CHECK (state IN ('preparing', 'usable', 'draining', 'leaving', 'lost')),"
        "  doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted = 0 OR (doubted = 1 AND state <> 'usable')),"
        "  associated INTEGER NOT NULL DEFAULT 0 CHECK (associated IN (0, 1)),"
        "  taken INTEGER NOT NULL DEFAULT 0," /* addresses of it that have a row */
        "  last_given TEXT CHECK (last_given BETWEEN first AND last)," /* the next one is looked for behind it */
        "  free_since_ms INTEGER NOT NULL DEFAULT 0," /* when the last one of it came back from a pod, and was usable */
        "  family INTEGER AS (" FAMILY_OF("first") "),"
        "  last TEXT AS (substr(first, 1, bits / 4) || substr('ffffffffffffffffffffffffffffffff', 1,"
        "    length(first) - bits / 4)),"
        "  size INTEGER AS (1 << (4 * length(first) - bits)),"
        "  CHECK (trim(substr(first, bits / 4 + 1), '0') = '')," /* no bits behind its length */
        "  CHECK (taken BETWEEN 0 AND size));"
        "CREATE UNIQUE INDEX blocks_at ON blocks (family, first);"
        "CREATE INDEX blocks_of_eni ON blocks (eni, state);"
        "CREATE INDEX blocks_doubted ON blocks (eni) WHERE doubted = 1;"
        "CREATE INDEX blocks_associated ON blocks (eni) WHERE associated = 1;"
        "CREATE INDEX blocks_pick ON blocks (eni, family, taken DESC, free_since_ms, first)"
        "  WHERE state = 'usable' AND taken < size;"

        "CREATE TABLE leases ("
        "  key INTEGER PRIMARY KEY,"
        "  network TEXT NOT NULL,"
        "  container_id TEXT NOT NULL,"
        "  ifname TEXT NOT NULL,"
        "  hex TEXT NOT NULL," /* the first of its addresses, and in most cases the only one */
        "  state TEXT NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'wired')),"
        "  host_ifname TEXT NOT NULL,"
        "  netns TEXT NOT NULL,"
        "  pod_namespace TEXT NOT NULL,"
        "  pod_name TEXT NOT NULL,"
        "  pod_uid TEXT NOT NULL,"
        "  since_ms INTEGER NOT NULL,"
        "  since_wall_ms INTEGER NOT NULL,"
        "  link_missing_since_ms INTEGER NOT NULL DEFAULT 0,"
        "  address_only INTEGER NOT NULL DEFAULT 0 CHECK (address_only IN (0, 1)),"
        "  UNIQUE (container_id, network, ifname),"
        "  FOREIGN KEY (key, hex) REFERENCES addresses (lease, hex) DEFERRABLE INITIALLY DEFERRED);"
        /* The name of a host link is one live lease's alone; of several sandboxes of one pod it is the newest one's. */
        "CREATE UNIQUE INDEX leases_host_link ON leases (host_ifname)"
        "  WHERE host_ifname <> '' AND address_only = 0;"

        "CREATE TABLE addresses ("
        "  hex TEXT PRIMARY KEY CHECK (" IS_HEX("hex") "),"
        "  block INTEGER NOT NULL REFERENCES blocks (key),"
        "  lease INTEGER REFERENCES leases (key),"
        "  usable_from_ms INTEGER NOT NULL DEFAULT 0," /* the end of its cooldown */
        "  held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1))," /* somebody has it, or may have it, without a lease */
        "  CHECK (CASE WHEN lease IS NULL THEN held = 1 OR usable_from_ms > 0"
        "    ELSE held = 0 AND usable_from_ms = 0 END)) WITHOUT ROWID;"
        "CREATE UNIQUE INDEX addresses_of_lease ON addresses (lease, hex);"
        "CREATE INDEX addresses_of_block ON addresses (block);"
        "CREATE INDEX addresses_unusable ON addresses (usable_from_ms) WHERE lease IS NULL;"

        "CREATE TABLE imports ("
        "  hex TEXT PRIMARY KEY CHECK (" IS_HEX("hex") "),"
        "  address TEXT AS (" TEXT_OF("hex") "),"
        "  network TEXT NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,"
        "  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL,"
        "  since_wall_ms INTEGER NOT NULL,"
        "  verdict TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN ('pending', 'taken', 'aside')),"
        "  reason TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"

        "CREATE TABLE given_back ("
        "  eni_id TEXT NOT NULL, block TEXT NOT NULL, since_ms INTEGER NOT NULL,"
        "  PRIMARY KEY (eni_id, block)) WITHOUT ROWID;"

        /* For people. In the tables, each INSERT would work the texts out again. */
        "CREATE VIEW pods AS SELECT " TEXT_OF("a.hex") " AS address, b.state = 'lost' AS lost, l.state, e.eni_id,"
        "  l.pod_namespace, l.pod_name, l.host_ifname, l.network, l.container_id, l.ifname, l.netns, l.since_wall_ms"
        "  FROM leases l JOIN addresses a ON a.lease = l.key JOIN blocks b ON b.key = a.block"
        "  JOIN enis e ON e.key = b.eni;"
        "CREATE VIEW pool AS SELECT " TEXT_OF("b.first") " || '/' || b.bits AS block, e.eni_id, b.state, b.size,"
        "  b.taken, b.doubted, b.associated, " TEXT_OF("a.hex") " AS address, a.held, a.usable_from_ms, l.pod_name"
        "  FROM blocks b JOIN enis e ON e.key = b.eni LEFT JOIN addresses a ON a.block = b.key"
        "  LEFT JOIN leases l ON l.key = a.lease;";

/* A leased address that was doubted is doubted still; what cooled, or was to cool on, does. */
static const char bring_rows[] =
        "INSERT INTO enis (key, state, is_primary, managed, in_doubt, untagged, link_missing, client_token, eni_id,"
        "  attachment_id, subnet_id, subnet_cidr, mac, primary_hex, public_address, device_index, network_card,"
        "  asked_addresses, created_ms, since_ms)"
        "  SELECT key, state, is_primary, managed, in_doubt, untagged, link_missing, client_token, eni_id,"
        "  attachment_id, subnet_id, subnet_cidr, mac, hex, public_address, device_index, network_card,"
        "  asked_addresses, created_ms, since_ms FROM temp.old_enis;"
        "UPDATE sqlite_sequence SET seq = max(seq, coalesce((SELECT max(seq) FROM temp.old_sequence), 0))"
        "  WHERE name = 'enis';"
        "INSERT INTO blocks (first, bits, eni, state, doubted, associated, free_since_ms)"
        "  SELECT hex, 32, eni, CASE WHEN state = 'leased' AND (doubted OR hex NOT IN (SELECT hex FROM temp.old_leases))"
        "    THEN 'preparing' WHEN state IN ('free', 'cooling', 'leased') THEN 'usable' ELSE state END, doubted,"
        "  associated, last_used_ms FROM temp.old_addresses"
        "  WHERE state <> 'lost' OR hex IN (SELECT hex FROM temp.old_leases) ORDER BY hex;"
        "INSERT INTO leases (key, network, container_id, ifname, hex, state, host_ifname, netns, pod_namespace,"
        "  pod_name, pod_uid, since_ms, since_wall_ms, link_missing_since_ms, address_only)"
        "  SELECT key, network, container_id, ifname, hex, state, host_ifname, netns, pod_namespace, pod_name,"
        "  pod_uid, since_ms, since_wall_ms, link_missing_since_ms, address_only FROM temp.old_leases;"
        "INSERT INTO addresses (hex, block, lease, usable_from_ms)"
        "  SELECT a.hex, b.key, l.key, CASE WHEN l.key IS NULL THEN a.cooling_until_ms ELSE 0 END"
        "  FROM temp.old_addresses a JOIN blocks b ON b.family = 4 AND b.first = a.hex"
        "  LEFT JOIN temp.old_leases l ON l.hex = a.hex"
        "  WHERE l.key IS NOT NULL OR (a.cooling_until_ms > 0 AND a.state IN ('preparing', 'cooling'));"
        "UPDATE blocks SET taken = (SELECT count(*) FROM addresses WHERE block = blocks.key);"
        "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms, verdict,"
        "  reason) SELECT hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms, verdict,"
        "  reason FROM temp.old_imports;"
        "INSERT INTO given_back SELECT eni_id, CASE WHEN address = '' THEN '' ELSE address || '/32' END, since_ms"
        "  FROM temp.old_given_back;"
        "DROP TABLE temp.old_enis; DROP TABLE temp.old_addresses; DROP TABLE temp.old_leases;"
        "DROP TABLE temp.old_imports; DROP TABLE temp.old_given_back; DROP TABLE temp.old_sequence;";

/* ---- what must not happen ---- */

#define REFUSE(text) " BEGIN SELECT RAISE(ABORT, '" text "'); END;"

#define IS_LEAVING_ENI(eni) "(SELECT state FROM enis WHERE key = " eni ") IN ('detaching', 'deleting')"
#define HAS_LEASE_IN(block) "EXISTS (SELECT 1 FROM addresses WHERE block = " block " AND lease IS NOT NULL)"
#define IS_PENDING(hex) "EXISTS (SELECT 1 FROM imports WHERE hex = " hex " AND verdict = 'pending')"
/* Of a block's addresses one waits. In triggers of UPDATE SQLite has not derived what the new row's columns give: OLD. */
#define HAS_PENDING_IN(first, last) \
        "EXISTS (SELECT 1 FROM imports WHERE hex BETWEEN " first " AND " last \
        " AND length(hex) = length(" first ") AND verdict = 'pending')"

static const char rules_of_leases[] =
        "CREATE TRIGGER lease_of_an_address BEFORE INSERT ON addresses WHEN NEW.lease IS NOT NULL BEGIN SELECT"
        "  CASE WHEN EXISTS (SELECT 1 FROM addresses WHERE hex = NEW.hex AND lease IS NOT NULL)"
        "    THEN RAISE(ABORT, 'the address is leased')"
        "  WHEN NOT EXISTS (SELECT 1 FROM blocks b JOIN enis e ON e.key = b.eni WHERE b.key = NEW.block"
        "    AND b.state = 'usable' AND e.state = 'ready' AND e.managed = 1)"
        "    THEN RAISE(ABORT, 'a lease needs a usable address of a ready ENI')"
        "  WHEN EXISTS (SELECT 1 FROM imports i JOIN leases l ON l.key = NEW.lease WHERE i.hex = NEW.hex"
        "    AND i.verdict = 'pending' AND i.container_id <> l.container_id)"
        "    THEN RAISE(ABORT, 'the address waits for another container')"
        "  WHEN EXISTS (SELECT 1 FROM addresses a JOIN blocks b ON b.key = a.block JOIN enis e ON e.key = b.eni"
        "    JOIN blocks n ON n.key = NEW.block JOIN enis m ON m.key = n.eni WHERE a.lease = NEW.lease"
        "     AND b.family = n.family AND e.network_card = m.network_card)"
        "    THEN RAISE(ABORT, 'the lease has an address of this family on this card') END; END;"
        "CREATE TRIGGER address_is_not_replaced BEFORE INSERT ON addresses WHEN NEW.lease IS NULL"
        "  AND EXISTS (SELECT 1 FROM addresses WHERE hex = NEW.hex AND lease IS NOT NULL)"
        REFUSE("the address is leased")
        "CREATE TRIGGER address_is_leased_as_a_new_row BEFORE UPDATE OF lease ON addresses"
        "  WHEN NEW.lease IS NOT NULL AND NEW.lease IS NOT OLD.lease"
        REFUSE("only a free address can be leased")
        "CREATE TRIGGER address_stays_in_its_block BEFORE UPDATE OF hex, block ON addresses"
        "  WHEN NEW.hex <> OLD.hex OR NEW.block <> OLD.block"
        REFUSE("an address stays in its block")
        "CREATE TRIGGER address_is_in_its_block BEFORE INSERT ON addresses"
        "  WHEN NOT EXISTS (SELECT 1 FROM blocks b WHERE b.key = NEW.block AND " IN_BLOCK("NEW.hex") ")"
        REFUSE("the address is not in its block")
        "CREATE TRIGGER lease_keeps_its_address BEFORE UPDATE OF key, hex ON leases"
        "  WHEN NEW.hex <> OLD.hex OR NEW.key <> OLD.key"
        REFUSE("a lease keeps its address")
        "CREATE TRIGGER lease_is_not_replaced BEFORE INSERT ON leases WHEN EXISTS (SELECT 1 FROM leases"
        "    WHERE container_id = NEW.container_id AND network = NEW.network AND ifname = NEW.ifname)"
        REFUSE("the key has a lease")
        /* What is counted. */
        "CREATE TRIGGER block_counts_in AFTER INSERT ON addresses BEGIN"
        "  UPDATE blocks SET taken = taken + 1, last_given = CASE WHEN NEW.lease IS NULL THEN last_given"
        "    ELSE NEW.hex END WHERE key = NEW.block; END;"
        "CREATE TRIGGER block_counts_out AFTER DELETE ON addresses BEGIN"
        "  UPDATE blocks SET taken = taken - 1, free_since_ms = max(free_since_ms, OLD.usable_from_ms)"
        "    WHERE key = OLD.block; END;"
        "CREATE TRIGGER block_counts_what_is BEFORE UPDATE OF taken ON blocks"
        "  WHEN NEW.taken <> (SELECT count(*) FROM addresses WHERE block = NEW.key)"
        REFUSE("taken is what has a row");

static const char rules_of_blocks[] =
        "CREATE TRIGGER block_begins_unused BEFORE INSERT ON blocks"
        "  WHEN NEW.state NOT IN ('preparing', 'leaving') OR NEW.taken <> 0"
        REFUSE("a block begins as preparing")
        /* The one before it, and those that begin in it. */
        "CREATE TRIGGER block_overlaps_no_other BEFORE INSERT ON blocks"
        "  WHEN EXISTS (SELECT 1 FROM blocks WHERE family = " FAMILY_OF("NEW.first")
        "      AND first BETWEEN NEW.first AND NEW.last)"
        "   OR NEW.first <= (SELECT last FROM blocks WHERE family = " FAMILY_OF("NEW.first")
        "      AND first < NEW.first ORDER BY first DESC LIMIT 1)"
        REFUSE("the block overlaps another one")
        "CREATE TRIGGER block_has_no_primary BEFORE INSERT ON blocks"
        "  WHEN EXISTS (SELECT 1 FROM enis WHERE primary_hex BETWEEN NEW.first AND NEW.last"
        "    AND length(primary_hex) = length(NEW.first) AND state NOT IN ('detaching', 'deleting'))"
        REFUSE("a primary address is not for pods")
        "CREATE TRIGGER block_of_leaving_eni_arrives BEFORE INSERT ON blocks"
        "  WHEN NEW.state <> 'leaving' AND " IS_LEAVING_ENI("NEW.eni")
        REFUSE("the ENI of this block is leaving")
        "CREATE TRIGGER block_of_leaving_eni_changes BEFORE UPDATE OF state, eni ON blocks"
        "  WHEN NEW.state <> 'leaving' AND " IS_LEAVING_ENI("NEW.eni")
        REFUSE("the ENI of this block is leaving")
        "CREATE TRIGGER block_stays_what_it_is BEFORE UPDATE OF key, first, bits ON blocks"
        "  WHEN NEW.key <> OLD.key OR NEW.first <> OLD.first OR NEW.bits <> OLD.bits"
        REFUSE("a block stays what it is")
        "CREATE TRIGGER block_with_leases_stays BEFORE UPDATE OF state, eni ON blocks"
        "  WHEN (NEW.state = 'leaving' OR NEW.eni <> OLD.eni) AND " HAS_LEASE_IN("NEW.key")
        REFUSE("an address of the block is leased")
        "CREATE TRIGGER block_lost_with_leases BEFORE UPDATE OF state ON blocks"
        "  WHEN NEW.state = 'lost' AND NOT " HAS_LEASE_IN("NEW.key")
        REFUSE("no pod has an address of the block")
        "CREATE TRIGGER block_with_imports_stays BEFORE UPDATE OF state ON blocks"
        "  WHEN NEW.state = 'leaving' AND OLD.state <> 'leaving' AND NOT " IS_LEAVING_ENI("NEW.eni")
        "   AND " HAS_PENDING_IN("OLD.first", "OLD.last")
        REFUSE("an address of the block waits to be taken over")
        "CREATE TRIGGER block_goes_empty BEFORE DELETE ON blocks WHEN OLD.taken > 0"
        REFUSE("an address of the block has a row");

static const char rules_of_enis[] =
        "CREATE TRIGGER eni_with_leases_stays BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('draining', 'detaching', 'deleting') AND EXISTS (SELECT 1 FROM blocks b"
        "    JOIN addresses a ON a.block = b.key AND a.lease IS NOT NULL WHERE b.eni = NEW.key)"
        REFUSE("the ENI has leases")
        "CREATE TRIGGER eni_with_imports_stays BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('draining', 'detaching', 'deleting')"
        "   AND OLD.state NOT IN ('detaching', 'deleting') AND EXISTS (SELECT 1 FROM imports i"
        "    JOIN blocks b ON " IN_BLOCK("i.hex") " WHERE b.eni = NEW.key AND i.verdict = 'pending')"
        REFUSE("an address of the ENI waits to be taken over")
        "CREATE TRIGGER eni_leaves_with_its_blocks BEFORE UPDATE OF state ON enis"
        "  WHEN NEW.state IN ('detaching', 'deleting')"
        "   AND EXISTS (SELECT 1 FROM blocks WHERE eni = NEW.key AND state <> 'leaving')"
        REFUSE("blocks of the ENI are not leaving")
        "CREATE TRIGGER eni_goes_empty BEFORE DELETE ON enis"
        "  WHEN EXISTS (SELECT 1 FROM blocks WHERE eni = OLD.key)"
        REFUSE("the ENI has blocks");

/* The addresses that wait are held from here on, also those that were cooling. A pod's own lease stays. */
#define HOLD_PENDING(which) \
        " BEGIN INSERT INTO addresses (hex, block, held) SELECT i.hex, b.key, 1 FROM imports i" \
        "    JOIN blocks b ON " IN_BLOCK("i.hex") " AND b.state = 'usable' WHERE i.verdict = 'pending'" \
        "    AND " which " AND i.hex NOT IN (SELECT hex FROM addresses);" \
        "  UPDATE addresses SET held = 1 WHERE lease IS NULL AND held = 0 AND hex IN (SELECT i.hex" \
        "    FROM imports i JOIN blocks b ON " IN_BLOCK("i.hex") " WHERE i.verdict = 'pending'" \
        "    AND " which "); END;"

/* While one waits its address is held where its block is usable, and stays so. */
const char schema_rules_on_imports[] =
        "CREATE TRIGGER import_is_held AFTER INSERT ON imports WHEN NEW.verdict = 'pending'"
        HOLD_PENDING("i.hex = NEW.hex")
        "CREATE TRIGGER import_is_held_again AFTER UPDATE OF verdict ON imports WHEN NEW.verdict = 'pending'"
        HOLD_PENDING("i.hex = NEW.hex");

static const char rules_of_imports[] =
        "CREATE TRIGGER import_is_held_when_usable AFTER UPDATE OF state ON blocks"
        "  WHEN NEW.state = 'usable' AND OLD.state <> 'usable' AND " HAS_PENDING_IN("OLD.first", "OLD.last")
        HOLD_PENDING("b.key = NEW.key")
        "CREATE TRIGGER import_stays_held BEFORE UPDATE OF lease, held ON addresses"
        "  WHEN NEW.lease IS NULL AND NEW.held = 0 AND " IS_PENDING("NEW.hex")
        REFUSE("the address waits to be taken over")
        "CREATE TRIGGER import_keeps_its_row BEFORE DELETE ON addresses WHEN " IS_PENDING("OLD.hex")
        "   AND (SELECT state FROM blocks WHERE key = OLD.block) = 'usable'"
        REFUSE("the address waits to be taken over")
        /* those that a schema before this one had */
        "UPDATE imports SET verdict = verdict WHERE verdict = 'pending';";

/* See generation.h: what the pool loses. A gain is no harm: an older copy only has less. */
#define NEW_GENERATION \
        " BEGIN INSERT INTO facts VALUES ('generation', hex(randomblob(8)))" \
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value; END;"

static const char generation[] =
        "CREATE TRIGGER generation_block_goes AFTER DELETE ON blocks" NEW_GENERATION
        "CREATE TRIGGER generation_block_leaves AFTER UPDATE OF state, eni, doubted ON blocks"
        "  WHEN (NEW.state IN ('leaving', 'lost') AND NEW.state <> OLD.state)"
        "    OR NEW.eni <> OLD.eni OR NEW.doubted > OLD.doubted" NEW_GENERATION
        "CREATE TRIGGER generation_given_back AFTER INSERT ON given_back" NEW_GENERATION
        "CREATE TRIGGER generation_settled AFTER DELETE ON given_back" NEW_GENERATION;
/* clang-format on */

const char *const schema_version_7[] = {keep_rows,
                                        tables,
                                        bring_rows,
                                        rules_of_leases,
                                        rules_of_blocks,
                                        rules_of_enis,
                                        schema_rules_on_imports,
                                        rules_of_imports,
                                        generation,
                                        NULL};
