// SPDX-License-Identifier: Apache-2.0
/* What ended a lease. The names stand in the database (whose CHECK lists them) and, with _ for -, in io.vpcwire.ipam. */
#ifndef IPAMD_MODEL_LEASE_END_H
#define IPAMD_MODEL_LEASE_END_H

enum lease_end {
        LEASE_END_NONE, /* "": the event is another one */
        LEASE_END_DEL,
        LEASE_END_GC,
        LEASE_END_LINK_GONE,    /* its host link was missing for too long */
        LEASE_END_CONTRADICTED, /* the kernel shows another container with its address, or it with another one */
        _LEASE_END_MAX,
};

const char *lease_end_to_string(enum lease_end end);
/* Of a name that is one of theirs (the database's CHECK). */
enum lease_end lease_end_parse(const char *name);

#endif
