// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/ipam_client.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

#include "delegated.h"
#include "lease.h"
#include "verbs.h"

#define NEEDS_CONTAINER (NEEDS_CONTAINER_ID | NEEDS_IFNAME | NEEDS_PATH)

static const struct verb verbs[] = {
        {"ADD", CNI_0_1_0, NEEDS_CONTAINER | NEEDS_NETNS, true, false, "DEL", verb_add, delegated_add},
        {"DEL", CNI_0_1_0, NEEDS_CONTAINER, true, true, NULL, verb_del, delegated_del},
        {"CHECK", CNI_0_4_0, NEEDS_CONTAINER | NEEDS_NETNS, true, false, NULL, verb_check, delegated_check},
        {"GC", CNI_1_1_0, NEEDS_PATH, true, false, NULL, verb_gc, verb_gc},
        {"STATUS", CNI_1_1_0, NEEDS_PATH, true, false, NULL, verb_status, verb_status},
        {"VERSION", CNI_0_1_0, 0, false, false, NULL, verb_version, verb_version},
};

const struct verb *verb_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(name, verbs[i].name) == 0)
                        return &verbs[i];
        }
        return NULL;
}

char *verb_list_names(void)
{
        struct text text = {0};

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                text_add(&text, "%s%s", i ? ", " : "", verbs[i].name);
        return text.text;
}

int verb_version(struct call *call, json_t **ret_result, struct err *err _unused_)
{
        *ret_result = result_new_versions(call->version);
        return 0;
}

static int check_not_own(int netns_fd, struct err *err)
{
        _cleanup_close_ int own_fd = -1;
        bool same;
        int r;

        r = netns_open_current(&own_fd, err);
        if (r < 0)
                return r;
        r = netns_is_same(netns_fd, own_fd, &same, err);
        if (r < 0)
                return r;
        return same ? err_set(err, ERR_INVALID, "it is the plugin's own") : 0;
}

int verb_open_netns(struct call *call, int *ret_fd, struct err *err)
{
        _cleanup_close_ int fd = -1;

        if (netns_open(call->args.netns, &fd, err) < 0 ||
            (!args_allow_own_netns(&call->args) && check_not_own(fd, err) < 0)) {
                err_wrap(err, "CNI_NETNS '%.128s'", call->args.netns);
                return call_fail(call, CNI_CODE_NETNS, err);
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int status_from_reply(const struct ipam_status_reply *status, enum cni_code *ret_code, struct err *err)
{
        *ret_code = status->impaired ? CNI_CODE_LIMITED : CNI_CODE_NOT_AVAILABLE;
        if (status->impaired)
                return err_set(err, ERR_AGAIN, "running pods are affected: %s",
                               status->impaired_reason ?: "no reason given");
        if (!status->ready)
                return err_set(err, ERR_AGAIN, "ipamd is not ready: %s", status->reason ?: "no reason given");
        return 0;
}

int verb_status(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        struct ipam_status_reply status = {0};
        enum cni_code code = CNI_CODE_NOT_AVAILABLE;
        int r;

        r = call_parse_own(call, err);
        if (r < 0)
                return r;
        if (lease_connect(call, STATUS_RPC_TIMEOUT_MS, &ipam, err) < 0 ||
            ipam_status(ipam, &status, err) < 0 || status_from_reply(&status, &code, err) < 0)
                return call_fail(call, code, err);
        return 0;
}
