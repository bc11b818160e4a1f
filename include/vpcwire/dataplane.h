// SPDX-License-Identifier: Apache-2.0
/* The data plane's numbers, each written here and nowhere else. So far: the marks of packets. */
#ifndef VPCWIRE_DATAPLANE_H
#define VPCWIRE_DATAPLANE_H

enum {
        /*
         * A packet for a secondary ENI bears its index, and a bit that says that the index is ours: others' marks have it not
         * (wg-quick's, Cilium's, Calico's, kube-proxy's, Istio's, Tailscale's). The index is all of others' bits that is
         * written over, and only on packets of pods of secondary ENIs; portmap's 0x2000, which is for such packets, and
         * kube-proxy's 0xc000 are not in it.
         */
        NODE_MARK_OURS = 0x2,
        NODE_MARK_INDEX_MASK = 0x1f00,
        NODE_MARK_ENI_MASK = NODE_MARK_INDEX_MASK | NODE_MARK_OURS,
        NODE_MARK_ENI_SHIFT = 8,
        NODE_ENI_INDEX_MAX = NODE_MARK_INDEX_MASK >> NODE_MARK_ENI_SHIFT,
};

#endif
