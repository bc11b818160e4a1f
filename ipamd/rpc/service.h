// SPDX-License-Identifier: Apache-2.0
/* org.varlink.service: what every Varlink server tells about itself. */
#ifndef IPAMD_RPC_SERVICE_H
#define IPAMD_RPC_SERVICE_H

#include "rpc/state.h"

#define SERVICE_INTERFACE "org.varlink.service"

/* GetInfo, GetInterfaceDescription; `name` is without the interface. */
void service_call(struct connection *connection, const struct varlink_call *call, const char *name);

#endif
