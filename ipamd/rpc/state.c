// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "rpc/state.h"

void serve_released(struct serve *serve)
{
        if (--serve->handles > 0 || !serve->closing)
                return;
        arena_free(serve->node_arena);
        free(serve->impaired);
        free((char *)(uintptr_t)serve->options.socket_path);
        free((char *)(uintptr_t)serve->options.version);
        free(serve);
}
