// SPDX-License-Identifier: Apache-2.0
/* How like two names are: for messages that say which one was meant. Pure. */
#ifndef VPCWIRE_NEAREST_H
#define VPCWIRE_NEAREST_H

enum { NEAREST_BYTES_MAX = 64 }; /* of a name; what is behind is not compared */

/* How many characters must change to make one name the other (Levenshtein), whatever their case. */
unsigned nearest_distance(const char *a, const char *b);

#endif
