// SPDX-License-Identifier: Apache-2.0
/* All that the store offers. What holds for all of it is said in database.h. */
#ifndef IPAMD_STORE_STORE_H
#define IPAMD_STORE_STORE_H

#include "store/blocks.h"
#include "store/conditions.h"
#include "store/database.h"
#include "store/enis.h"
#include "store/history.h"
#include "store/imports.h"
#include "store/leases.h"
#include "store/notes.h"
#include "store/subnets.h"

#endif
