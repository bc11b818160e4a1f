// SPDX-License-Identifier: Apache-2.0
#include "model/words.h"

#include <assert.h>
#include <string.h>

#include <vpcwire/dataplane.h>

#include "model/ec2.h"

enum about {
        ABOUT_NOTHING,
        ABOUT_OBJECT,
        ABOUT_ACTION,
        ABOUT_PERMISSIONS, /* that the action needs */
        ABOUT_POD_ROUTE,   /* the command that removes it */
};

/* "head", or "head" + what it is about + "tail". */
struct wording {
        const char *head; /* NULL: what: the condition's message; remedy: none is needed */
        enum about about;
        const char *tail;
};

/* By cause. Of an EC2 call that failed, the condition's message is EC2's own text, else it says what is wrong. */
static const struct {
        struct wording what, remedy;
} rows[_CONDITION_CAUSE_MAX] = {
        [CAUSE_THROTTLED] =
                {{"EC2 throttles this account's API calls"},
                 {"if it lasts: CloudTrail shows which clients call most, AWS can raise the limit"}},
        [CAUSE_TRANSIENT] = {{"EC2 answers with a server error"}, {0}},
        [CAUSE_TRANSPORT] = {{0}, /* the resolver, the route, the certificate, ...: the message knows which */
                             {"check DNS, routes, security groups and the VPC endpoint of the EC2 API"}},
        [CAUSE_CAPACITY_SUBNET] = {{"subnet ", ABOUT_OBJECT, " has no free addresses"},
                                   {"release addresses in it, or tag another subnet of this zone with "
                                    "kubernetes.io/role/cni=1"}},
        [CAUSE_CAPACITY_ENI] = {{"EC2 assigns no more addresses to ", ABOUT_OBJECT, ""}, {0}},
        [CAUSE_CAPACITY_INSTANCE] = {{"EC2 attaches no more ENIs to this instance"},
                                     {"detach ENIs that are not needed, or use a larger instance type"}},
        [CAUSE_CAPACITY_ACCOUNT] =
                {{"the account is at its quota of ENIs in this region"},
                 {"delete unused ENIs, or raise the quota 'Network interfaces per Region'"}},
        [CAUSE_GONE] = {{"EC2 does not know it"}, {0}},
        [CAUSE_IN_USE] = {{"EC2 says that it is in use"}, {0}},
        [CAUSE_TOKEN_USED] = {{"EC2 has already done this, but does not show the result yet"}, {0}},
        [CAUSE_DENIED] = {{"the node's IAM role may not call ec2:", ABOUT_ACTION, ""},
                          {"allow ec2:", ABOUT_PERMISSIONS, " in the IAM policy of this node's role"}},
        [CAUSE_CREDENTIALS] =
                {{"this node has no credentials that AWS accepts"},
                 {"ipamctl doctor says why: IMDS, the role of the instance or the service account, or the "
                  "node's clock"}},
        [CAUSE_REQUEST] = {{0}, /* what EC2 objects to is known to its answer alone */
                           {"correct what EC2 objects to: security groups, tags, settings"}},
        [CAUSE_PACED] = {{"delayed by the local rate limit of EC2 calls"}, {0}},
        [CAUSE_ENI_LIMIT] =
                {{0},
                 {"lower kubelet's maxPods, use a larger instance type, or raise MAX_ENI where it is set"}},
        [CAUSE_POD_LIMIT] = {{0}, {"raise VPCWIRE_MAX_PODS to kubelet's maxPods"}},
        [CAUSE_TYPE_LIMIT] = {{0}, {"use another instance type"}},
        [CAUSE_PUBLIC_ADDRESS] = {{0}, {"disassociate the public address to let ipamd delete the ENI"}},
        [CAUSE_TAG_MISSING] = {{0},
                               {"put the tag back on the ENI, or delete its pods (ipamctl pods): then it is "
                                "not used any more"}},
        [CAUSE_LINK_MISSING] = {{0},
                                {"find out who detached it or removed its link (dmesg, CloudTrail); if the "
                                 "link does not come back, delete the pods on this ENI (ipamctl pods)"}},
        [CAUSE_ROUTE_MISLED] = {{0}, {"remove that route if it is wrong: ", ABOUT_POD_ROUTE, ""}},
        [CAUSE_HOST_HAS_ADDRESS] = {{0},
                                    {"remove it from that link; ip address show to ", ABOUT_OBJECT,
                                     " says where it is"}},
        [CAUSE_NO_LEASE] = {{0}, {"remove that route if no container uses it: ", ABOUT_POD_ROUTE, ""}},
        [CAUSE_ROUTE_STRAYED] = {{0},
                                 {"remove that route, narrow it, or give it a higher metric: ip route show ",
                                  ABOUT_OBJECT, " shows it"}},
        [CAUSE_NO_DEFAULT_ROUTE] = {{0},
                                    {"add it again: ip route add default via GATEWAY dev LINK; a DHCP client "
                                     "or a network manager may have removed it"}},
};

/* Of the kinds that are calls. */
static const enum ec2_action actions[_CONDITION_KIND_MAX] = {
        [CONDITION_RESYNC] = EC2_ACTION_DESCRIBE_ENIS,
        [CONDITION_FIND_SUBNETS] = EC2_ACTION_DESCRIBE_SUBNETS,
        [CONDITION_CREATE] = EC2_ACTION_CREATE_ENI,
        [CONDITION_RECREATE] = EC2_ACTION_CREATE_ENI,
        [CONDITION_ATTACH] = EC2_ACTION_ATTACH_ENI,
        [CONDITION_ATTACH_REFUSED] = EC2_ACTION_ATTACH_ENI,
        [CONDITION_MARK] = EC2_ACTION_MODIFY_ENI,
        [CONDITION_MARK_AGAIN] = EC2_ACTION_MODIFY_ENI,
        [CONDITION_SECURITY_GROUPS] = EC2_ACTION_MODIFY_ENI,
        [CONDITION_ASSIGN] = EC2_ACTION_ASSIGN_ADDRESSES,
        [CONDITION_UNASSIGN] = EC2_ACTION_UNASSIGN_ADDRESSES,
        [CONDITION_DETACH] = EC2_ACTION_DETACH_ENI,
        [CONDITION_DELETE] = EC2_ACTION_DELETE_ENI,
        [CONDITION_DELETE_ORPHAN] = EC2_ACTION_DELETE_ENI,
        [CONDITION_FIND_ORPHANS] = EC2_ACTION_DESCRIBE_ENIS,
        [CONDITION_LEARN_SUBNET] = EC2_ACTION_DESCRIBE_SUBNETS,
        [CONDITION_STEP_TAG_PRIMARY] = EC2_ACTION_CREATE_TAGS,
};

static const char *about_text(enum about about, const char *object, const char *action, struct arena *arena)
{
        switch (about) {
        case ABOUT_OBJECT: return object;
        case ABOUT_ACTION: return action;
        case ABOUT_PERMISSIONS:
                /* It is made with its tags, and EC2 says "UnauthorizedOperation" for either. */
                return strcmp(action, ec2_action_names[EC2_ACTION_CREATE_ENI]) == 0
                               ? arena_printf(arena, "%s and ec2:%s", action,
                                              ec2_action_names[EC2_ACTION_CREATE_TAGS])
                               : action;
        case ABOUT_POD_ROUTE:
                return arena_printf(arena, "ip route del %s table %d", object, DATAPLANE_TABLE_PODS);
        case ABOUT_NOTHING: break;
        }
        return "";
}

static const char *wording_text(const struct wording *wording, const char *object, const char *action,
                                struct arena *arena)
{
        if (!wording->head || wording->about == ABOUT_NOTHING)
                return wording->head;
        return arena_printf(arena, "%s%s%s", wording->head, about_text(wording->about, object, action, arena),
                            wording->tail);
}

struct condition_words condition_words(const struct condition *condition, struct arena *arena)
{
        enum condition_cause cause = condition->cause;
        const char *action, *what;

        assert((unsigned)cause < _CONDITION_CAUSE_MAX && (unsigned)condition->kind < _CONDITION_KIND_MAX);
        action = ec2_action_to_string(actions[condition->kind]);
        what = wording_text(&rows[cause].what, condition->object, action, arena);
        return (struct condition_words){
                .what = what ?: condition->message,
                .remedy = wording_text(&rows[cause].remedy, condition->object, action, arena),
                .detail = what && cause != CAUSE_PACED ? condition->message : NULL,
        };
}

struct condition_words words_of_denied(const char *action, struct arena *arena)
{
        return (struct condition_words){
                .what = wording_text(&rows[CAUSE_DENIED].what, NULL, action, arena),
                .remedy = wording_text(&rows[CAUSE_DENIED].remedy, NULL, action, arena),
        };
}

const char *words_joined(const struct condition_words *words, struct arena *arena)
{
        return words->remedy ? arena_printf(arena, "%s; fix: %s", words->what, words->remedy) : words->what;
}
