// SPDX-License-Identifier: Apache-2.0
/* Version 9: an address that cools knows whose it was, network/container/interface: who comes back gets it back (pick.h). */
#include "store/schema.h"

static const char addresses[] =
        "ALTER TABLE addresses ADD COLUMN had_by TEXT;" /* NULL: no lease has ended on it */
        "CREATE INDEX addresses_had_by ON addresses (had_by) WHERE had_by IS NOT NULL;";

const char *const schema_version_9[] = {addresses, NULL};
