// SPDX-License-Identifier: Apache-2.0
/*
 * What all pods' host links have in common: the group that they are in, by which packet filters know them, and what their
 * names end with: the first digits of SHA-1 of "namespace.pod", as aws-vpc-cni and Calico
 * compute it, so that whoever knows the pod knows its link.
 */
#ifndef VPCWIRE_POD_LINK_H
#define VPCWIRE_POD_LINK_H

enum { POD_LINK_DIGITS = 11, POD_LINK_GROUP = 118 };

/* The digits of any text, NUL-terminated. */
void pod_link_digits(const char *key, char ret[static POD_LINK_DIGITS + 1]);

#endif
