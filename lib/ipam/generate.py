# SPDX-License-Identifier: Apache-2.0
"""C for a Varlink interface: generate.py FILE.varlink FOLDER writes vpcwire/ipam_types.h, vpcwire/ipam_calls.h and
ipam_tables.c into FOLDER. Types, enums with their names, field tables with their limits, ids of methods and errors, and the
client's functions: each says in C what the file says, and nothing of it is written by hand. What the file may say: idl.py.
Anything else ends with exit code 1 and FILE:LINE: what is wrong. Needs nothing but python3."""
import pathlib
import re
import sys
import textwrap

import idl

COMMENT_COLUMNS = 110
HEAD = "// SPDX-License-Identifier: Apache-2.0\n/* Made by lib/ipam/generate.py from {name}.varlink, which says what each of these means. */\n"


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def upper(name):
    return snake(name).upper()


def tag(name):
    return f"struct ipam_{snake(name)}"


def comment(lines):
    """A C comment with the words of a Varlink one; nothing for nothing."""
    text = textwrap.wrap(" ".join(lines).replace("*/", "* /"), COMMENT_COLUMNS - 3)
    if len(text) < 2:
        return [f"/* {line} */" for line in text]
    return ["/*", *(f" * {line}" for line in text), " */"]


def number(text):
    """Of an annotation: a number, or a const by its name in C."""
    return text if text.isdigit() else f"IPAM_{text}"


class Generator:
    def __init__(self, interface):
        self.interface = interface
        self.enums = {enum.name for enum in interface.of_kind("enum")}

    # What a field is in C, and in a table of jsonx.

    def kind_of(self, field):
        """(type in C, type of jsonx) of one item."""
        if field.type in self.enums:
            return f"enum ipam_{snake(field.type)}", "JSONX_ENUM"
        if field.type not in idl.SCALARS:
            return tag(field.type), "JSONX_OBJECT"
        if "ip" in field.notes:
            return "struct ip", "JSONX_IP"
        if "cidr" in field.notes:
            return "struct prefix", "JSONX_PREFIX"
        return {"bool": ("bool", "JSONX_BOOL"), "int": ("int64_t", "JSONX_INT"), "string": ("const char *", "JSONX_STRING")}[field.type]

    def declare(self, field, fields):
        c_type = self.kind_of(field)[0]
        star = "" if c_type.endswith("*") else " "
        note = ""
        if "absent" in field.notes:
            note = " /* -1: not there */"
        if "zero" in field.notes:
            note = f" /* 0: {number(field.notes['zero'])} */"
        if field.is_list:
            known = [other for other in fields if other.notes.get("first", "").partition(".")[0] == field.name]
            note = " /* one at least */" if any(not other.optional for other in known) else ""
            return [f"{c_type}{star}*{field.name};", f"size_t n_{field.name};{note}"]
        return [f"{c_type}{star}{field.name};{note}"]

    def struct(self, name, fields, doc=()):
        members = [line for field in fields if "first" not in field.notes for line in self.declare(field, fields)]
        absent = [f".{field.name} = -1" for field in fields if "absent" in field.notes]
        macro = name.removeprefix("struct ").upper() + "_UNSET"
        return [*comment(doc), f"{name} {{", *(f"        {line}" for line in members), "};",
                *([f"#define {macro} (({name}){{{', '.join(absent)}}})"] if absent else []), ""]

    def row(self, struct, field):
        jsonx = self.kind_of(field)[1]
        flags = [flag for flag, is_set in (("JSONX_REQUIRED", not field.optional), ("JSONX_NOT_EMPTY", "not_empty" in field.notes),
                                           ("JSONX_NEGATIVE_UNSET", "absent" in field.notes)) if is_set]
        extra = {"flags": " | ".join(flags), "limit": number(field.notes["max"]) if "max" in field.notes else "",
                 "names": f"&{snake(field.type)}_enum" if field.type in self.enums else "",
                 "of": f"&{snake(field.type)}_schema" if jsonx == "JSONX_OBJECT" else ""}
        more = "".join(f", .{key} = {value}" for key, value in extra.items() if value)
        if field.is_list:
            return f"JSONX_LIST({struct}, {field.name}, {jsonx}S{more}),"
        return f"JSONX_FIELD({struct}, {field.name}, {jsonx}{more}),"

    def row_of_first(self, struct, field, fields):
        name, _, inner = field.notes["first"].partition(".")
        items = next(other for other in fields if other.name == name)
        more = f", .flags = JSONX_REQUIRED" if not field.optional else ""
        if inner:
            more += f", .of = &{snake(items.type)}_schema, .item_offset = offsetof({tag(items.type)}, {inner}), .item_name = \"{inner}\""
        return f"JSONX_FIRST({struct}, {name}, \"{field.name}\", {self.kind_of(field)[1]}{more}),"

    def table(self, name, struct, fields, closed=False):
        """The fields and the schema `name`_schema; what is first of a list comes behind it."""
        rows = [self.row(struct, field) for field in fields if "first" not in field.notes]
        rows += [self.row_of_first(struct, field, fields) for field in fields if "first" in field.notes]
        return [f"static const struct jsonx_field {name}_fields[] = {{", *(f"        {row}" for row in rows), "};",
                f"static const struct jsonx_schema {name}_schema = {{", f"        .fields = {name}_fields,",
                f"        .n = ARRAY_SIZE({name}_fields),", f"        .bytes = sizeof({struct}),",
                *(["        .closed = true,"] if closed else []), "};", ""]

    # What a method's request and reply are called; None where there is nothing in it.

    def request_of(self, method):
        return f"{snake(method.name)}_request" if method.fields else None

    def reply_of(self, method):
        return snake(method.notes["reply"]) if "reply" in method.notes else f"{snake(method.name)}_reply" if method.reply else None

    # The header of types.

    def types(self):
        lines = [HEAD.format(name=self.interface.name), "#ifndef VPCWIRE_IPAM_TYPES_H", "#define VPCWIRE_IPAM_TYPES_H", "",
                 "#include <stdbool.h>", "#include <stddef.h>", "#include <stdint.h>", "",
                 "#include <vpcwire/addr.h>", "#include <vpcwire/err.h>", "#include <vpcwire/jsonx.h>", "",
                 f"#define IPAM_INTERFACE \"{self.interface.name}\"", "", "enum {"]
        for const in self.interface.consts.values():
            lines.append(f"        IPAM_{const.name} = {const.value}," + (f" /* {const.doc} */" if const.doc else ""))
        lines += ["};", ""]
        methods, errors = self.interface.of_kind("method"), self.interface.of_kind("error")
        lines += ["enum ipam_method_id {", *(f"        IPAM_METHOD_{upper(method.name)}," for method in methods), "        _IPAM_METHOD_MAX,", "};", ""]
        lines += ["enum ipam_error_id {", "        IPAM_ERROR_NONE, /* no answer of the daemon's: the transport failed, see the err */",
                  *(f"        IPAM_ERROR_{upper(error.name)}," for error in errors),
                  "        IPAM_ERROR_OTHER, /* an error of org.varlink.service, or one that this version does not know */",
                  "        _IPAM_ERROR_MAX,", "};", ""]
        for enum in self.interface.of_kind("enum"):
            lines += self.enum_type(enum)
        for type_ in self.interface.of_kind("struct"):
            lines += self.struct(tag(type_.name), type_.fields, type_.doc)
        for method in methods:
            request, reply = self.request_of(method), self.reply_of(method)
            lines += self.struct(f"struct ipam_{request}", method.fields, method.doc) if request else []
            if reply and "reply" not in method.notes:
                lines += self.struct(f"struct ipam_{reply}", method.reply, [] if request else method.doc)
        return "\n".join([*lines, *self.error_type(errors), "#endif", ""])

    def enum_type(self, enum):
        prefix, name = f"IPAM_{upper(enum.name)}", f"ipam_{snake(enum.name)}"
        values = [f"        {prefix}_{value.upper()}," for value in enum.values if value != "unknown"]
        return [*comment(enum.doc), f"enum {name} {{", f"        {prefix}_UNSET = JSONX_ENUM_UNSET, /* not there */",
                f"        {prefix}_UNKNOWN = JSONX_ENUM_UNKNOWN,{'' if 'unknown' in enum.values else ' /* of a newer peer */'}", *values,
                f"        _{prefix}_MAX,", "};",
                "/* Its name; NULL for what is not there. */", f"const char *{name}_to_string(enum {name} value);",
                "/* In any case. ERR_INVALID names the text and what is allowed. */",
                f"int {name}_parse(const char *text, enum {name} *ret, struct err *err);", ""]

    def error_type(self, errors):
        parameters = {field.name: field.notes["max"] for error in errors for field in error.fields}
        return ["/* The parameters of all errors; which are set depends on `id`. Fixed sizes: an error owns nothing, and longer text is cut. */",
                "struct ipam_error {", "        enum ipam_error_id id;", f"        char name[128]; /* \"{self.interface.name}.{errors[0].name}\" */",
                *(f"        char {name}[{number(limit)} + 1];" for name, limit in parameters.items()), "};", ""]

    # The tables.

    def tables(self):
        lines = [HEAD.format(name=self.interface.name), "#include <vpcwire/ipam.h>", "", "const char ipam_interface_text[] ="]
        lines += ["        \"" + line.replace("\\", "\\\\").replace('"', '\\"') + "\\n\"" for line in self.interface.text.splitlines()]
        lines[-1] += ";"
        lines.append("")
        for enum in self.interface.of_kind("enum"):
            lines += self.enum_names(enum)
        for type_ in self.interface.of_kind("struct"):
            lines += self.table(snake(type_.name), tag(type_.name), type_.fields)
        methods = self.interface.of_kind("method")
        for method in methods:
            request, reply = self.request_of(method), self.reply_of(method)
            lines += self.table(request, f"struct ipam_{request}", method.fields, closed=True) if request else []
            lines += self.table(reply, f"struct ipam_{reply}", method.reply) if reply and "reply" not in method.notes else []
        lines += ["static const struct jsonx_schema nothing_schema = {0};", "", "const struct ipam_method ipam_methods[_IPAM_METHOD_MAX] = {"]
        for method in methods:
            request, reply = self.request_of(method) or "nothing", self.reply_of(method) or "nothing"
            more = ", true" if "more" in method.notes else ""
            lines.append(f"        [IPAM_METHOD_{upper(method.name)}] = {{\"{method.name}\", &{request}_schema, &{reply}_schema{more}}},")
        return "\n".join([*lines, "};", "", *self.error_tables(), ""])

    def enum_names(self, enum):
        prefix, name = f"IPAM_{upper(enum.name)}", f"ipam_{snake(enum.name)}"
        return [f"static const char *const {snake(enum.name)}_names[_{prefix}_MAX] = {{",
                *(f"        [{prefix}_{value.upper()}] = \"{value}\"," for value in dict.fromkeys(["unknown", *enum.values])), "};",
                f"static const struct jsonx_names {snake(enum.name)}_enum = {{{snake(enum.name)}_names, _{prefix}_MAX}};", "",
                f"const char *{name}_to_string(enum {name} value)", "{", f"        return {snake(enum.name)}_names[value];", "}", "",
                f"int {name}_parse(const char *text, enum {name} *ret, struct err *err)", "{", "        unsigned found;",
                f"        int r = jsonx_enum_parse(&{snake(enum.name)}_enum, \"{snake(enum.name).replace('_', ' ')}\", text, &found, err);", "",
                "        if (r < 0)", "                return r;", f"        *ret = (enum {name})found;", "        return 0;", "}", ""]

    def error_tables(self):
        lines, errors = [], self.interface.of_kind("error")
        for error in errors:
            name = f"{snake(error.name)}_error"
            rows = [f"JSONX_FIELD(struct ipam_error, {field.name}, JSONX_TEXT, .limit = {number(field.notes['max'])})," for field in error.fields]
            lines += [f"static const struct jsonx_field {name}_fields[] = {{", *(f"        {row}" for row in rows), "};",
                      f"static const struct jsonx_schema {name}_schema = JSONX_SCHEMA(struct ipam_error, {name}_fields);", ""]
        lines.append("const struct ipam_error_kind ipam_errors[_IPAM_ERROR_MAX] = {")
        for error in errors:
            lines.append(f"        [IPAM_ERROR_{upper(error.name)}] = {{IPAM_INTERFACE \".{error.name}\", &{snake(error.name)}_error_schema}},")
        return [*lines, "};"]

    # The client's functions; what streams has none.

    def calls(self):
        lines = [HEAD.format(name=self.interface.name), "#ifndef VPCWIRE_IPAM_CALLS_H", "#define VPCWIRE_IPAM_CALLS_H", "",
                 "#ifndef VPCWIRE_IPAM_CLIENT_H", "#error \"include <vpcwire/ipam_client.h>\"", "#endif", ""]
        for method in self.interface.of_kind("method"):
            if "more" not in method.notes:
                lines += self.call(method)
        return "\n".join([*lines, "#endif", ""])

    def call(self, method):
        request, reply = self.request_of(method), self.reply_of(method)
        parameters = ["struct ipam_client *client", *([f"const struct ipam_{request} *request"] if request else []),
                      *([f"struct ipam_{reply} *ret"] if reply else []), "struct err *err"]
        return [f"static inline int ipam_{snake(method.name)}({', '.join(parameters)})", "{",
                f"        return ipam_client_call(client, IPAM_METHOD_{upper(method.name)}, {'request' if request else 'NULL'}, "
                f"{self.wait_of(method)}, {'ret' if reply else 'NULL'}, err);", "}", ""]

    def wait_of(self, method):
        wait = method.notes.get("wait", "0")
        field = next((field for field in method.fields if field.name == wait), None)
        if not field:
            return number(wait)
        return f"request->{wait}" + (f" ?: {number(field.notes['zero'])}" if "zero" in field.notes else "")


def main():
    source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    try:
        generator = Generator(idl.read(pathlib.Path(source).read_text(encoding="utf-8")))
    except idl.Fault as fault:
        sys.exit(f"{source}:{fault.line}: {fault}")
    (folder / "vpcwire").mkdir(parents=True, exist_ok=True)
    for name, text in (("vpcwire/ipam_types.h", generator.types()), ("vpcwire/ipam_calls.h", generator.calls()),
                       ("ipam_tables.c", generator.tables())):
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
