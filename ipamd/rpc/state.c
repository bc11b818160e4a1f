// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "rpc/state.h"

void rpc_released(struct rpc *rpc)
{
        if (--rpc->handles > 0 || !rpc->closing)
                return;
        arena_free(rpc->node_arena);
        free(rpc->impaired);
        free((char *)(uintptr_t)rpc->options.socket_path);
        free((char *)(uintptr_t)rpc->options.version);
        free(rpc);
}
