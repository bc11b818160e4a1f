// SPDX-License-Identifier: Apache-2.0
#include "model/request.h"

#include "model/names.h"

const char *const request_verb_names[_REQUEST_VERB_MAX] = {
        [REQUEST_ADD] = "add",         [REQUEST_DEL] = "del", [REQUEST_CHECK] = "check",
        [REQUEST_CONFIRM] = "confirm", [REQUEST_GC] = "gc",
};

DEFINE_TO_STRING(request_verb)

const char *const request_stage_names[_REQUEST_STAGE_MAX] = {
        [REQUEST_RPC] = "rpc",
        [REQUEST_WAIT] = "wait",
        [REQUEST_WIRE] = "wire",
};

DEFINE_TO_STRING(request_stage)

const char *const request_result_names[_REQUEST_RESULT_MAX] = {
        [REQUEST_SUCCESS] = "success",       [REQUEST_AGAIN] = "again",
        [REQUEST_NO_ADDRESS] = "no-address", [REQUEST_REFUSED] = "refused",
        [REQUEST_OVERTAKEN] = "overtaken",   [REQUEST_CALLER_GONE] = "caller-gone",
        [REQUEST_STOPPING] = "stopping",     [REQUEST_HANDED_OVER] = "handed-over",
        [REQUEST_UNKNOWN] = "unknown",       [REQUEST_INVALID] = "invalid",
        [REQUEST_FAILED] = "failed",
};

DEFINE_TO_STRING(request_result)
