// SPDX-License-Identifier: Apache-2.0
/*
 * Inside config: the settings of aws-vpc-cni that we do not have, each with what becomes of it here. None is passed over in
 * silence: one that asks for what we lack stops the start where pods would be placed wrongly, else it is a warning.
 */
#ifndef IPAMD_CONFIG_UNSUPPORTED_H
#define IPAMD_CONFIG_UNSUPPORTED_H

#include "config/config.h"

enum unsupported_effect {
        UNSUPPORTED_IGNORED, /* nothing is lost, whatever the value is */
        UNSUPPORTED_WARNED,
        UNSUPPORTED_REFUSED,
};

struct unsupported_setting {
        const char *name;
        const char *does;  /* of a true/false: the value whose meaning ours is; NULL: it is a text */
        const char *lacks; /* of a text: the value that asks for what we lack; NULL: none does */
        enum unsupported_effect effect;
        const char *means;  /* what is otherwise here; of one that is ignored, why that is fine */
        const char *remedy; /* NULL: none is needed */
};

extern const struct unsupported_setting unsupported_settings[];
extern const size_t n_unsupported_settings;

const struct unsupported_setting *unsupported_find(const char *name); /* NULL: not among them */
/* Writes the value down; `where` stands in the arena. */
void unsupported_take(struct config *config, const struct unsupported_setting *setting, const char *value,
                      const char *where);
/* After all sources: adds the warnings, or fails with ERR_INVALID and where the value stands. */
int unsupported_check(struct config *config, struct err *err);

/* A true/false as it is in force; NULL: a text. The caller owns it. */
json_t *unsupported_json(const struct unsupported_setting *setting);
/* All of them, for --help and for deploy/SETTINGS.md. */
void unsupported_print(FILE *to);
void unsupported_print_markdown(FILE *to);

#endif
