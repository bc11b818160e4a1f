// SPDX-License-Identifier: Apache-2.0
/* What SQL derives from an address in hexadecimal digits, see schema_7.c. For the schema's scripts alone; none of it may change. */
#ifndef IPAMD_STORE_SCHEMA_ADDRESS_H
#define IPAMD_STORE_SCHEMA_ADDRESS_H

/* clang-format off */
#define DIGIT(hex, at) "(instr('0123456789abcdef', substr(" hex ", " at ", 1)) - 1)"
#define BYTE(hex, at, second) DIGIT(hex, at) " * 16 + " DIGIT(hex, second)
#define V4_TEXT(hex) "printf('%d.%d.%d.%d', " BYTE(hex, "1", "2") ", " BYTE(hex, "3", "4") ", " \
        BYTE(hex, "5", "6") ", " BYTE(hex, "7", "8") ")"
#define GROUP(hex, at, last) " || ':' || ltrim(substr(" hex ", " at ", 3), '0') || substr(" hex ", " last ", 1)"
/* All eight groups, as inet_pton() takes them. */
#define V6_TEXT(hex) "substr(''" GROUP(hex, "1", "4") GROUP(hex, "5", "8") GROUP(hex, "9", "12") \
        GROUP(hex, "13", "16") GROUP(hex, "17", "20") GROUP(hex, "21", "24") GROUP(hex, "25", "28") \
        GROUP(hex, "29", "32") ", 2)"
#define TEXT_OF(hex) "CASE length(" hex ") WHEN 8 THEN " V4_TEXT(hex) " WHEN 32 THEN " V6_TEXT(hex) " END"
#define FAMILY_OF(hex) "CASE length(" hex ") WHEN 8 THEN 4 ELSE 6 END"
#define IS_HEX(hex) "length(" hex ") IN (8, 32) AND " hex " NOT GLOB '*[^0-9a-f]*'"
/* Whether the address is in block b. */
#define IN_BLOCK(hex) "b.family = " FAMILY_OF(hex) " AND " hex " BETWEEN b.first AND b.last"
/* clang-format on */

#endif
