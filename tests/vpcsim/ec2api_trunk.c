// SPDX-License-Identifier: Apache-2.0
/* Actions on trunk and branch ENIs. */
#include <string.h>

#include "ec2api_actions.h"
#include "xmlout.h"

/* EC2's SDKs name a protocol for each; only VLAN is simulated. */
static void render_association(struct text *out, const struct world_association *association)
{
        xmlout_text(out, "associationId", association->id);
        xmlout_text(out, "branchInterfaceId", association->branch_id);
        xmlout_text(out, "trunkInterfaceId", association->trunk_id);
        xmlout_text(out, "interfaceProtocol", "VLAN");
        xmlout_number(out, "vlanId", association->vlan);
        ec2api_render_tags(out, NULL, 0);
}

int ec2api_associate_trunk(struct ec2api_request *request, struct err *err)
{
        struct world_associate associate = {
                .trunk_id = ec2api_text(request, "TrunkInterfaceId"),
                .branch_id = ec2api_text(request, "BranchInterfaceId"),
                .token = ec2api_client_token(request),
        };
        struct world_association association;
        int r;

        if ((r = ec2api_number(request, "VlanId", 0, UINT16_MAX, &associate.vlan, err)) < 0 ||
            (r = world_associate_trunk(request->world, &associate, request->arena, &association, err)) < 0)
                return r;
        xmlout_open(request->reply, "interfaceAssociation");
        render_association(request->reply, &association);
        xmlout_close(request->reply, "interfaceAssociation");
        xmlout_text(request->reply, "clientToken", associate.token.text);
        return 0;
}

int ec2api_disassociate_trunk(struct ec2api_request *request, struct err *err)
{
        const struct world_token token = ec2api_client_token(request);
        int r;

        r = world_disassociate_trunk(request->world, ec2api_text(request, "AssociationId"), &token, err);
        if (r < 0)
                return r;
        ec2api_render_true(request->reply);
        xmlout_text(request->reply, "clientToken", token.text);
        return 0;
}

int ec2api_describe_associations(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_association *list;
        struct world_query query;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "AssociationId", &query, err)) < 0 ||
            (r = world_find_associations(request->world, &query, request->arena, &list, &n, &next, err)) < 0)
                return r;
        xmlout_open(out, "interfaceAssociationSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                render_association(out, &list[i]);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "interfaceAssociationSet");
        if (next)
                xmlout_text(out, "nextToken", ec2api_page_token(request, next));
        return 0;
}
