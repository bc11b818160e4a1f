# SPDX-License-Identifier: Apache-2.0
"""Reads a Varlink interface with our annotations into plain objects, or says by file and line what is wrong with it.

Of Varlink it knows what a C struct with a field table can hold: bool, int, string, named types and enums, lists of them,
"?" for what may be absent. A comment that starts with #@ is an annotation, and one that is not known or does not fit is an error:

    #@ const NAME = 128  # why         a number with a name, for annotations and for C
    network: string, #@ max=NAME, not_empty

behind a field, on its line:
    max=N        bytes of a string, items of a list, or the largest value of an int (the smallest is 0). N: a number or a const
    not_empty    of a string
    ip, cidr     of a string (ip also of a list of strings): an address, an address with a length
    absent=-1    of an optional int, in C: it is not there
    zero=N       of an optional int: what 0 stands for, as does its absence
    first=LIST   of a field that older peers know alone: it is the first item of the optional list LIST beside it, or with
                 first=LIST.FIELD a field of that item. In C there is the list only
on the lines before a method:
    more         it streams, and must be called with "more"
    reply=TYPE   its reply has the fields of TYPE, and is that type in C
    wait=N       the daemon may take so many ms longer; N: a const, or an int of the request
"""
import dataclasses
import re

SCALARS = ("bool", "int", "string")
SNAKE, CAMEL, CONST = (re.compile(p) for p in (r"[a-z][a-z0-9]*(_[a-z0-9]+)*", r"([A-Z][a-z0-9]*)+", r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*"))
# Names that a struct or an enum of C cannot have; "unknown" is an enum's own.
C_WORDS = frozenset("auto bool break case char const continue default do double else enum extern float for goto if inline int long"
                    " register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while".split())
TOKEN = re.compile(r"(?P<note>#@[^\n]*)|(?P<doc>#[^\n]*)|(?P<word>[A-Za-z][\w.-]*)|(?P<sign>->|\[\]|[?():,])|(?P<space>[ \t]+)|(?P<line>\n)")


class Fault(Exception):
    """What is wrong with the interface."""

    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


@dataclasses.dataclass
class Field:
    line: int
    name: str
    optional: bool
    is_list: bool
    type: str  # one of SCALARS, or a type's name
    notes: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Member:
    line: int
    kind: str  # "struct", "enum", "method" or "error"
    name: str
    doc: list
    notes: dict
    fields: list  # of a method: its request's
    reply: list = None
    values: list = None  # of an enum


@dataclasses.dataclass
class Const:
    line: int
    name: str
    value: int
    doc: str


@dataclasses.dataclass
class Interface:
    name: str
    text: str
    doc: list
    consts: dict = dataclasses.field(default_factory=dict)
    members: dict = dataclasses.field(default_factory=dict)

    def of_kind(self, *kinds):
        return [member for member in self.members.values() if member.kind in kinds]


def tokens_of(text):
    """(kind, text, line) for each token; the last is ("end", "", line). Two line ends in a row are one "blank"."""
    position, line, at_start = 0, 1, True
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise Fault(line, f"{text[position]!r} has no place here")
        kind, position = match.lastgroup, match.end()
        if kind == "line":
            if at_start:
                yield "blank", "", line
            line, at_start = line + 1, True
        elif kind != "space":
            yield kind, match.group(), line
            at_start = False
    yield "end", "", line


class Parser:
    def __init__(self, text):
        self.tokens, self.at = list(tokens_of(text)), 0
        self.doc, self.notes = [], []  # since the last member: of the next one
        self.interface = None
        self.text = text

    def next(self):
        """The next token that is none of the comments; those are kept for the member that follows."""
        while self.tokens[self.at][0] in ("doc", "note", "blank"):
            kind, text, line = self.tokens[self.at]
            self.at += 1
            if kind == "doc":
                self.doc.append(text[1:].strip())
            elif kind == "note":
                self.notes.append((line, text[2:].strip()))
            else:
                self.doc = []
        return self.tokens[self.at]

    def take(self, wanted, pattern=None):
        kind, text, line = self.next()
        if not (pattern.fullmatch(text) if pattern else text == wanted):
            raise Fault(line, f"{wanted} is wanted here, not {text or 'the end'!r}")
        self.at += 1
        return text, line

    def may_take(self, sign):
        if self.next()[1] != sign:
            return False
        self.at += 1
        return True

    def parse(self):
        self.next()
        doc, self.doc = self.doc, []
        self.take("interface")
        self.interface = Interface(self.take("an interface's name", re.compile(r"[a-z]+(\.[a-z0-9]+)+"))[0], self.text, doc)
        while self.next()[0] != "end":
            self.member()
        self.take_notes(consts_only=True)
        return self.interface

    def member(self):
        kind, line = self.take("type, method or error", re.compile("type|method|error"))
        doc, notes, self.doc = self.doc, self.take_notes(), []
        name, _ = self.take("a name like LogLevel", CAMEL)
        if name in self.interface.members:
            raise Fault(line, f"{name} is defined already in line {self.interface.members[name].line}")
        member = Member(line, kind, name, doc, notes, [])
        if kind == "type" and self.is_enum():
            member.kind, member.values = "enum", self.values()
        else:
            member.kind = "struct" if kind == "type" else kind
            member.fields = self.fields()
        if kind == "method":
            self.take("->")
            member.reply = self.fields()
        if kind == "type" and not (member.fields or member.values):
            raise Fault(line, f"type {name} is empty")
        for at, text in self.notes:
            raise Fault(at, f"annotation {text!r} belongs to no field: it goes behind one, on its line")
        self.interface.members[name] = member

    def take_notes(self, consts_only=False):
        """The annotations before a member; consts among them are the interface's."""
        notes = {}
        for line, text in self.notes:
            const = re.fullmatch(r"const (\S+) = (\d+)(?:\s+# (.*))?", text)
            if const:
                self.const(line, *const.groups())
            elif consts_only or text.startswith("const"):
                raise Fault(line, f"annotation {text!r} is not understood: `const NAME = 128  # why`, or before a method its own")
            else:
                notes.update(split_notes(line, text, notes))
        self.notes = []
        return notes

    def const(self, line, name, value, doc):
        if not CONST.fullmatch(name):
            raise Fault(line, f"const {name}: its name is not like BYTES_MAX")
        if name in self.interface.consts:
            raise Fault(line, f"const {name} is defined already in line {self.interface.consts[name].line}")
        self.interface.consts[name] = Const(line, name, int(value), doc)

    def is_enum(self):
        self.next()
        return self.tokens[self.at][1] == "(" and [t[1] for t in self.tokens[self.at:] if t[0] in ("word", "sign")][2:3] in ([","], [")"])

    def values(self):
        values = []
        self.take("(")
        while True:
            name, line = self.take("a name like not_ready", SNAKE)
            if name in values:
                raise Fault(line, f"{name} stands twice in the enum")
            values.append(name)
            if not self.may_take(","):
                self.take(")")
                return values

    def fields(self):
        fields = []
        self.take("(")
        if self.may_take(")"):
            return fields
        while True:
            fields.append(self.field({field.name for field in fields}))
            if not self.at_comma(fields[-1]):
                self.take(")")
                return fields

    def field(self, names):
        name, line = self.take("a name like eni_id", SNAKE)
        if name in names:
            raise Fault(line, f"{name} stands twice in the struct")
        if name in C_WORDS:
            raise Fault(line, f"{name} cannot be a field's name: it is a word of C")
        self.take(":")
        optional, is_list = self.may_take("?"), self.may_take("[]")
        kind, _ = self.take("a type (bool, int, string or a name)", re.compile(f"{'|'.join(SCALARS)}|{CAMEL.pattern}"))
        return Field(line, name, optional, is_list, kind)

    def at_comma(self, field):
        """Whether another field follows. What is annotated stands behind the comma, on the field's line."""
        _, line = self.tokens[self.at - 1][1:]
        more = self.tokens[self.at][1] == ","
        self.at += more
        kind, text, at = self.tokens[self.at]
        if kind == "note" and at == line:
            field.notes = split_notes(line, text[2:].strip(), {})
            self.at += 1
        more = more or self.may_take(",")
        self.next()
        self.doc = []
        return more


def split_notes(line, text, known):
    notes = {}
    for part in text.split(","):
        name, is_valued, value = part.strip().partition("=")
        if name in notes or name in known:
            raise Fault(line, f"annotation {name} stands twice")
        notes[name] = value if is_valued else None
    return notes


class Checker:
    """What the parser cannot see in one place. Fills in the numbers of consts."""

    def __init__(self, interface):
        self.interface = interface
        self.seen = {}

    def check(self):
        for member in self.interface.members.values():
            self.check_member(member)
            self.seen[member.name] = member

    def check_member(self, member):
        if member.notes and member.kind != "method":
            raise Fault(member.line, f"annotation {next(iter(member.notes))} before {member.name}: only methods have any")
        for fields in (member.fields, member.reply or []):
            for field in fields:
                self.check_field(member, field, fields)
        for name, value in member.notes.items():
            check = {"more": self.check_more, "reply": self.check_reply, "wait": self.check_wait}.get(name)
            if not check:
                raise Fault(member.line, f"annotation {name} before {member.name} is not known (known: more, reply=TYPE, wait=N)")
            check(member, value)
        if member.kind == "error":
            self.check_error(member)

    def check_field(self, member, field, fields):
        if field.type not in SCALARS:
            if field.type not in self.seen or self.seen[field.type].kind not in ("struct", "enum"):
                raise Fault(field.line, f"{field.name} is of type {field.type}, which is not defined before it")
            if member.kind == "method" and fields is member.fields and "unknown" in (self.seen[field.type].values or []):
                raise Fault(field.line, f"{field.name}: what is asked for cannot be unknown, as {field.type} can")
            if field.is_list and self.seen[field.type].kind == "enum":
                raise Fault(field.line, f"{field.name}: lists of enums are not supported")
            if field.optional and not field.is_list and self.seen[field.type].kind == "struct":
                raise Fault(field.line, f"{field.name}: an optional struct is not supported: C could not tell whether it is there")
        if field.is_list and field.type in ("bool", "int"):
            raise Fault(field.line, f"{field.name}: lists of {field.type} are not supported")
        for name, value in field.notes.items():
            check = {"max": self.check_max, "not_empty": self.check_string, "ip": self.check_ip, "cidr": self.check_string,
                     "absent": self.check_absent, "zero": self.check_zero, "first": self.check_first}.get(name)
            if not check:
                raise Fault(field.line, f"annotation {name} of {field.name} is not known"
                                        " (known: max=N, not_empty, ip, cidr, absent=-1, zero=N, first=LIST)")
            if (value is None) != (name in ("not_empty", "ip", "cidr")):
                raise Fault(field.line, f"annotation {name} of {field.name} {'lacks its value' if value is None else 'has no value'}")
            check(field, name, value, fields)
        if {"ip", "cidr"} <= field.notes.keys():
            raise Fault(field.line, f"{field.name} cannot be both ip and cidr")

    def misfit(self, field, name, wanted):
        raise Fault(field.line, f"annotation {name} does not fit {field.name}: it is for {wanted}")

    def number(self, line, text):
        if not (text.isdigit() or text in self.interface.consts):
            raise Fault(line, f"{text!r} is neither a number nor a const")

    def check_max(self, field, name, value, _):
        if not field.is_list and field.type not in ("int", "string"):
            self.misfit(field, name, "strings, ints and lists")
        self.number(field.line, value)

    def check_string(self, field, name, _, __):
        if field.type != "string" or field.is_list:
            self.misfit(field, name, "strings")

    def check_ip(self, field, name, _, __):
        if field.type != "string":
            self.misfit(field, name, "strings, and lists of them")

    def check_absent(self, field, name, value, _):
        if field.type != "int" or field.is_list or not field.optional or value != "-1":
            self.misfit(field, name, "optional ints, and is absent=-1")

    def check_zero(self, field, name, value, _):
        if field.type != "int" or field.is_list or not field.optional:
            self.misfit(field, name, "optional ints")
        self.number(field.line, value)

    def check_first(self, field, _, value, fields):
        name, _, inner = value.partition(".")
        of = next((other for other in fields if other.name == name), None)
        if not of or not of.is_list or not of.optional:
            raise Fault(field.line, f"first={value} of {field.name}: there is no optional list {name} beside it")
        target = of
        if inner:
            members = self.seen[of.type].fields if of.type in self.seen else []
            target = next((other for other in members if other.name == inner), None)
        if not target or (target.is_list and inner) or (not inner and "ip" not in of.notes):
            raise Fault(field.line, f"first={value} of {field.name}: the items of {name} have no such field")
        if field.is_list or target.type != field.type or any((kind in target.notes) != (kind in field.notes) for kind in ("ip", "cidr")):
            raise Fault(field.line, f"first={value} of {field.name}: the two are not of one type")

    def check_more(self, member, value):
        if value is not None:
            raise Fault(member.line, "annotation more has no value")

    def check_reply(self, member, value):
        type_ = self.seen.get(value)
        if not type_ or type_.kind != "struct":
            raise Fault(member.line, f"reply={value} of {member.name}: there is no such type before it")
        strip = [[dataclasses.replace(field, line=0) for field in fields] for fields in (type_.fields, member.reply)]
        if strip[0] != strip[1]:
            raise Fault(member.line, f"reply={value} of {member.name}: its fields are not those of {value}")

    def check_wait(self, member, value):
        if not any(field.name == value and field.type == "int" for field in member.fields):
            self.number(member.line, value or "")

    def check_error(self, member):
        for field in member.fields:
            if field.type != "string" or field.is_list or field.optional or set(field.notes) != {"max"}:
                raise Fault(field.line, f"{field.name} of error {member.name}: an error has strings that are there, each with max=N alone")
            for other in (other for error in self.interface.of_kind("error") for other in error.fields):
                if other.name == field.name and other.notes.get("max", field.notes["max"]) != field.notes["max"]:
                    raise Fault(field.line, f"{field.name} of error {member.name} has another max in line {other.line}")


def read(text):
    """The Interface that `text` describes; a Fault where it is none."""
    interface = Parser(text).parse()
    Checker(interface).check()
    return interface
