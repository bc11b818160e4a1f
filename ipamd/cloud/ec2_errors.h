// SPDX-License-Identifier: Apache-2.0
/* EC2's error codes, in one table: what each means to us. Pure. */
#ifndef IPAMD_CLOUD_EC2_ERRORS_H
#define IPAMD_CLOUD_EC2_ERRORS_H

#include "cloud/ec2.h"

/*
 * The class of an error reply. code and message are EC2's, "" where there were none; then, and for codes that are not
 * in the table, the HTTP status decides.
 */
enum ec2_failure_class ec2_error_classify(long http_status, const char *code, const char *message);

/* The err_code that a failure of this class is returned as. */
enum err_code ec2_failure_class_to_err_code(enum ec2_failure_class class);

#endif
