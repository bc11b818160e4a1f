// SPDX-License-Identifier: Apache-2.0
/*
 * The Describe actions: pages until there is no NextToken, all or none. MaxResults goes only with filters: EC2 refuses
 * it beside ids. An item that cannot be read fails a call for named things; of a list it is left out, by name.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud/ec2_internal.h"

/* How one Describe action reads its items. */
struct listing {
        enum ec2_action action;
        const char *id_parameter, *id_element, *set; /* "SubnetId", "subnetId", "subnetSet" */
        size_t item_bytes;
        int (*parse)(const struct xml *item, struct arena *arena, void *ret, struct err *err);
};

struct list {
        char *items; /* heap, grows over the pages */
        size_t n, capacity;
        bool skips_unreadable;
        struct ec2_unreadable *unreadable;
        size_t n_unreadable;
};

static void list_done(struct list *list)
{
        free(list->items);
        free(list->unreadable);
}

static void *list_add(struct list *list, size_t item_bytes)
{
        if (list->n == list->capacity) {
                list->capacity = list->capacity ? list->capacity * 2 : 16;
                list->items = xrealloc_array(list->items, list->capacity, item_bytes);
        }
        return memset(list->items + list->n++ * item_bytes, 0, item_bytes);
}

static void leave_out(const struct listing *listing, const struct xml *item, const struct err *why,
                      struct arena *arena, struct list *list)
{
        char id[EC2_ID_BYTES] = "";

        if (strlen(xml_text(item, listing->id_element)) < sizeof(id))
                xml_copy_printable(id, sizeof(id), xml_text(item, listing->id_element));
        list->n--;
        list->unreadable =
                xrealloc_array(list->unreadable, list->n_unreadable + 1, sizeof(*list->unreadable));
        list->unreadable[list->n_unreadable++] =
                (struct ec2_unreadable){arena_strdup(arena, id), arena_strdup(arena, why->msg)};
}

static int read_page(const struct listing *listing, const struct xml *root, struct arena *arena,
                     struct list *list, struct err *err)
{
        const struct xml *set = xml_child(root, listing->set);
        struct err why;

        /* An absent set is not "none": an answer of another shape must not look like an empty VPC. */
        if (!set)
                return err_set(err, ERR_PROTOCOL, "<%s> is missing", listing->set);
        for (const struct xml *item = NULL; (item = xml_item(set, item));) {
                if (listing->parse(item, arena, list_add(list, listing->item_bytes), &why) >= 0)
                        continue;
                if (!list->skips_unreadable) {
                        *err = why;
                        return -(int)why.code;
                }
                leave_out(listing, item, &why, arena, list);
        }
        return 0;
}

/* One page; *token becomes the next one's, or NULL at the end. Tokens live in the heap. */
static int get_page(struct ec2 *ec2, const struct ec2_call_options *options, const struct listing *listing,
                    const struct text *selection, char **token, struct arena *arena, struct list *list,
                    struct ec2_result *result, struct err *err)
{
        struct ec2_call_options page = options ? *options : (struct ec2_call_options){0};
        _cleanup_(arena_freep) struct arena *scratch = arena_new();
        _cleanup_(text_done) struct text body = {0};
        const struct xml *root;
        const char *next;
        int r;

        if (selection->bytes)
                text_add_bytes(&body, selection->text, selection->bytes);
        ec2_add(&body, *token, "NextToken");
        page.follow_up |= *token != NULL; /* half a list is no use to anybody */
        r = ec2_call(ec2, &page, listing->action, &body, scratch, &root, result, err);
        if (r < 0)
                return r;
        r = read_page(listing, root, arena, list, err);
        if (r < 0)
                return ec2_fail_reply(listing->action, result, err);
        next = xml_text(root, "nextToken");
        if (*next && *token && strcmp(next, *token) == 0) {
                err_set(err, ERR_PROTOCOL, "<nextToken> repeats, the pages would never end");
                return ec2_fail_reply(listing->action, result, err);
        }
        free(*token);
        *token = *next ? xstrdup(next) : NULL;
        return 0;
}

static int describe(struct ec2 *ec2, const struct ec2_call_options *options, const struct listing *listing,
                    const struct ec2_selection *which, struct arena *arena, struct list *list,
                    struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text selection = {0};
        _cleanup_free_ char *token = NULL;
        int r;

        list->skips_unreadable = which->skips_unreadable;
        ec2_add_list(&selection, listing->id_parameter, which->ids, which->n_ids);
        ec2_add_filters(&selection, which->filters, which->n_filters);
        if (which->n_ids == 0)
                ec2_add_unsigned(&selection, EC2_PAGE_RESULTS, "MaxResults");
        for (int page = 0; page < EC2_MAX_PAGES; page++) {
                r = get_page(ec2, options, listing, &selection, &token, arena, list, result, err);
                if (r < 0)
                        return r;
                if (!token)
                        return 0;
        }
        err_set(err, ERR_PROTOCOL, "more than %d pages", EC2_MAX_PAGES);
        return ec2_fail_reply(listing->action, result, err);
}

static void *list_take(const struct list *list, size_t item_bytes, struct arena *arena)
{
        void *items = arena_alloc(arena, list->n, item_bytes);

        if (list->n)
                memcpy(items, list->items, list->n * item_bytes);
        return items;
}

static struct ec2_unreadable *list_take_unreadable(const struct list *list, struct arena *arena)
{
        struct ec2_unreadable *unreadable = ARENA_ARRAY(arena, struct ec2_unreadable, list->n_unreadable);

        if (list->n_unreadable)
                memcpy(unreadable, list->unreadable, list->n_unreadable * sizeof(*unreadable));
        return unreadable;
}

static int parse_eni(const struct xml *item, struct arena *arena, void *ret, struct err *err)
{
        return ec2_parse_eni(item, arena, ret, err);
}

static int parse_subnet(const struct xml *item, struct arena *arena, void *ret, struct err *err)
{
        return ec2_parse_subnet(item, arena, ret, err);
}

static int parse_instance_type(const struct xml *item, struct arena *arena, void *ret, struct err *err)
{
        return ec2_parse_instance_type(item, arena, ret, err);
}

static const struct listing enis = {EC2_ACTION_DESCRIBE_ENIS, "NetworkInterfaceId",   "networkInterfaceId",
                                    "networkInterfaceSet",    sizeof(struct ec2_eni), parse_eni},
                            subnets = {EC2_ACTION_DESCRIBE_SUBNETS, "SubnetId",  "subnetId", "subnetSet",
                                       sizeof(struct ec2_subnet),   parse_subnet},
                            instance_types = {EC2_ACTION_DESCRIBE_INSTANCE_TYPE,
                                              "InstanceType",
                                              "instanceType",
                                              "instanceTypeSet",
                                              sizeof(struct ec2_instance_type),
                                              parse_instance_type};

int ec2_describe_enis(struct ec2 *ec2, const struct ec2_call_options *options,
                      const struct ec2_selection *which, struct arena *arena, struct ec2_eni_list *ret,
                      struct ec2_result *result, struct err *err)
{
        _cleanup_(list_done) struct list list = {0};
        int r = describe(ec2, options, &enis, which, arena, &list, result, err);

        if (r == 0)
                *ret = (struct ec2_eni_list){list_take(&list, sizeof(struct ec2_eni), arena), list.n,
                                             list_take_unreadable(&list, arena), list.n_unreadable};
        return r;
}

int ec2_describe_subnets(struct ec2 *ec2, const struct ec2_call_options *options,
                         const struct ec2_selection *which, struct arena *arena, struct ec2_subnet_list *ret,
                         struct ec2_result *result, struct err *err)
{
        _cleanup_(list_done) struct list list = {0};
        int r = describe(ec2, options, &subnets, which, arena, &list, result, err);

        if (r == 0)
                *ret = (struct ec2_subnet_list){list_take(&list, sizeof(struct ec2_subnet), arena), list.n,
                                                list_take_unreadable(&list, arena), list.n_unreadable};
        return r;
}

int ec2_describe_instance_type(struct ec2 *ec2, const struct ec2_call_options *options,
                               const char *instance_type, struct arena *arena, struct ec2_instance_type *ret,
                               struct ec2_result *result, struct err *err)
{
        const struct ec2_selection one = {.ids = &instance_type, .n_ids = 1};
        _cleanup_(list_done) struct list list = {0};
        const struct ec2_instance_type *type;
        int r;

        r = describe(ec2, options, &instance_types, &one, arena, &list, result, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.n; i++) {
                type = (const struct ec2_instance_type *)(const void *)list.items + i;
                if (strcmp(type->name, instance_type) == 0) {
                        *ret = *type;
                        return 0;
                }
        }
        err_set(err, ERR_PROTOCOL, "'%s' is not in it", instance_type);
        return ec2_fail_reply(EC2_ACTION_DESCRIBE_INSTANCE_TYPE, result, err);
}
