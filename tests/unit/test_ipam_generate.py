# SPDX-License-Identifier: Apache-2.0
"""lib/ipam/generate.py: what it refuses, by line and words; and C for an interface that uses all it knows, through a compiler.
test_ipam_generate.py COMPILER; prints TAP, as the C tests do."""
import pathlib
import subprocess
import sys
import tempfile
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
GENERATE = TOP / "lib/ipam/generate.py"
INTERFACE = """# About it.
interface org.example.zoo

#@ const NAME_BYTES_MAX = 15  # of an animal
#@ const PATIENCE_MS = 20000

# What it eats.
type Diet (unknown, plants, meat)
type Mood (good, bad)

type Home (
  address: string, #@ ip
  net: ?string, #@ cidr
  keeper: string
)

# An animal.
type Animal (
  name: string, #@ max=NAME_BYTES_MAX, not_empty
  diet: Diet,
  home: Home,
  legs: ?int, #@ max=100, absent=-1
  keeper: string, #@ first=homes.keeper
  homes: ?[]Home
)

# Feeds it.
#@ wait=patience_ms
method FeedAll(
  names: []string,  #@ max=7
  mood: ?Mood,
  at: string, #@ ip, first=places
  places: ?[]string, #@ ip
  patience_ms: ?int #@ zero=PATIENCE_MS
) -> (animals: []Animal, done: bool)

#@ more, reply=Home
method Look() -> (
  address: string, #@ ip
  net: ?string, #@ cidr
  keeper: string
)

#@ wait=PATIENCE_MS
method Clean() -> ()

error Bitten (
  by: string #@ max=NAME_BYTES_MAX
)
"""

# What is put in the place of what; how many lines behind that the fault is seen; and what is said of it.
REFUSED = {
    "a type that is not there": ("diet: Diet", "diet: Food", 0, "diet is of type Food, which is not defined before it"),
    "a type that comes later": ("net: ?string, #@ cidr\n  keeper: string\n)\n\n# An", "net: ?Animal,\n  keeper: string\n)\n\n# An", 0, "net is of type Animal, which is not defined before it"),
    "a type that we do not know": ("diet: Diet", "diet: float", 0, "a type (bool, int, string or a name) is wanted here, not 'float'"),
    "a map": ("names: []string", "names: [string]string", 0, "'[' has no place here"),
    "a list of lists": ("names: []string", "names: [][]string", 0, "a type (bool, int, string or a name) is wanted here, not '[]'"),
    "a list of ints": ("names: []string", "names: []int", 0, "names: lists of int are not supported"),
    "a list of enums": ("names: []string,  #@ max=7", "names: []Mood,", 0, "names: lists of enums are not supported"),
    "an optional struct": ("home: Home", "home: ?Home", 0, "home: an optional struct is not supported"),
    "an unknown that is asked for": ("mood: ?Mood", "mood: ?Diet", 0, "mood: what is asked for cannot be unknown, as Diet can"),
    "a field twice": ("home: Home", "diet: Home", 0, "diet stands twice in the struct"),
    "a field's name": ("home: Home", "Home: Home", 0, "a name like eni_id is wanted here, not 'Home'"),
    "a word of C": ("home: Home", "default: Home", 0, "default cannot be a field's name: it is a word of C"),
    "a value twice": ("(good, bad)", "(good, good)", 0, "good stands twice in the enum"),
    "a type twice": ("type Mood", "type Diet", 0, "Diet is defined already in line 8"),
    "a type's name": ("type Mood", "type mood", 0, "a name like LogLevel is wanted here, not 'mood'"),
    "nothing in it": ("type Mood (good, bad)", "type Mood ()", 0, "type Mood is empty"),
    "a comma too much": ("keeper: string\n)\n\n# An", "keeper: string,\n)\n\n# An", 1, "a name like eni_id is wanted here, not ')'"),
    "a comma too few": ("keeper: string, #@ first", "keeper: string #@ first", 1, ") is wanted here, not 'homes'"),
    "no end": ("#@ max=NAME_BYTES_MAX\n)\n", "#@ max=NAME_BYTES_MAX\n", 1, ") is wanted here, not 'the end'"),
    "no such member": ("error Bitten", "signal Bitten", 0, "type, method or error is wanted here, not 'signal'"),
    "an unknown annotation": ("max=7", "most=7", 0, "annotation most of names is not known"),
    "an unknown annotation before a method": ("#@ wait=patience_ms", "#@ waits=3", 1, "annotation waits before FeedAll is not known"),
    "an annotation before a type": ("# What it eats.", "#@ more", 1, "annotation more before Diet: only methods have any"),
    "an annotation of no field": ("  keeper: string, #@ first", "#@ ip\n  keeper: string, #@ first", 0, "annotation 'ip' belongs to no field"),
    "an annotation of nothing": ("error Bitten (\n  by: string #@ max=NAME_BYTES_MAX\n)\n", "#@ more\n", 0, "annotation 'more' is not understood"),
    "an annotation twice": ("max=7", "max=7, max=8", 0, "annotation max stands twice"),
    "a limit of no value": ("max=7", "max", 0, "annotation max of names lacks its value"),
    "a value of none": ("not_empty", "not_empty=1", 0, "annotation not_empty of name has no value"),
    "a limit of no number": ("max=7", "max=seven", 0, "'seven' is neither a number nor a const"),
    "a const that is not there": ("max=NAME_BYTES_MAX, not", "max=NAME_MAX, not", 0, "'NAME_MAX' is neither a number nor a const"),
    "a const twice": ("const PATIENCE_MS", "const NAME_BYTES_MAX", 0, "const NAME_BYTES_MAX is defined already in line 4"),
    "a const's name": ("const PATIENCE_MS", "const patience", 0, "const patience: its name is not like BYTES_MAX"),
    "a const's value": ("= 20000", "= soon", 0, "annotation 'const PATIENCE_MS = soon' is not understood"),
    "a limit that does not fit": ("home: Home,", "home: Home, #@ max=1", 0, "annotation max does not fit home: it is for strings, ints and lists"),
    "an address that is none": ("max=100", "ip", 0, "annotation ip does not fit legs: it is for strings, and lists of them"),
    "an address and a prefix": ("net: ?string, #@ cidr\n  keeper: string\n)\n\n# An", "net: ?string, #@ cidr, ip\n  keeper: string\n)\n\n# An", 0,
                                "net cannot be both ip and cidr"),
    "absent and needed": ("legs: ?int", "legs: int", 0, "annotation absent does not fit legs: it is for optional ints"),
    "absent by another number": ("absent=-1", "absent=-2", 0, "annotation absent does not fit legs"),
    "first of no list": ("first=homes.keeper", "first=houses.keeper", 0, "there is no optional list houses beside it"),
    "first of no field": ("first=homes.keeper", "first=homes.owner", 0, "the items of homes have no such field"),
    "first of another type": ("first=homes.keeper", "first=homes.address", 0, "the two are not of one type"),
    "a reply of no type": ("reply=Home", "reply=House", 1, "there is no such type before it"),
    "a reply of other fields": ("reply=Home", "reply=Animal", 1, "its fields are not those of Animal"),
    "an error without a limit": ("by: string #@ max=NAME_BYTES_MAX", "by: string", 0, "an error has strings that are there, each with max=N alone"),
    "a sign of no meaning": ("done: bool", "done: bool;", 0, "';' has no place here"),
}

# Lines of the files that are made.
MADE = {
    "vpcwire/ipam_types.h": [
        '#define IPAM_INTERFACE "org.example.zoo"',
        "IPAM_NAME_BYTES_MAX = 15, /* of an animal */",
        "/* What it eats. */",
        "IPAM_DIET_UNKNOWN = JSONX_ENUM_UNKNOWN,",
        "IPAM_MOOD_UNKNOWN = JSONX_ENUM_UNKNOWN, /* of a newer peer */",
        "#define IPAM_ANIMAL_UNSET ((struct ipam_animal){.legs = -1})",
        "int64_t patience_ms; /* 0: IPAM_PATIENCE_MS */",
        "struct ip *places;",
        "size_t n_places; /* one at least */",
        "char by[IPAM_NAME_BYTES_MAX + 1];",
    ],
    "ipam_tables.c": [
        "JSONX_FIELD(struct ipam_animal, name, JSONX_STRING, .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY, .limit = IPAM_NAME_BYTES_MAX),",
        'JSONX_FIRST(struct ipam_animal, homes, "keeper", JSONX_STRING, .flags = JSONX_REQUIRED, .of = &home_schema,'
        " .item_offset = offsetof(struct ipam_home, keeper), .item_name = \"keeper\"),",
        '[IPAM_METHOD_LOOK] = {"Look", &nothing_schema, &home_schema, true},',
        '[IPAM_ERROR_BITTEN] = {IPAM_INTERFACE ".Bitten", &bitten_error_schema},',
    ],
    "vpcwire/ipam_calls.h": [
        "static inline int ipam_clean(struct ipam_client *client, struct err *err)",
        "return ipam_client_call(client, IPAM_METHOD_FEED_ALL, request, request->patience_ms ?: IPAM_PATIENCE_MS, ret, err);",
    ],
}


def generate(folder, text):
    source = folder / "zoo.varlink"
    source.write_text(text)
    return source, subprocess.run([sys.executable, "-B", GENERATE, source, folder / "made"], capture_output=True, text=True, check=False)


def refuses(folder, old, new, behind, words):
    assert INTERFACE.count(old) == 1, f"{old!r} is not once in the interface"
    line = INTERFACE[: INTERFACE.index(old)].count("\n") + 1 + behind
    source, done = generate(folder, INTERFACE.replace(old, new))
    said = done.stderr.strip()
    assert done.returncode == 1 and said.startswith(f"{source}:{line}: ") and words in said, f"{done.returncode}: {said}"
    assert not (folder / "made").exists()


def is_written(folder):
    _, done = generate(folder, INTERFACE)
    assert done.returncode == 0, done.stderr
    for name, lines in MADE.items():
        made = [line.strip() for line in (folder / "made" / name).read_text().splitlines()]
        for line in lines:
            assert line in made, f"{name} lacks {line}"


def compiles(folder):
    generate(folder, INTERFACE)
    user = folder / "user.c"
    user.write_text("#define VPCWIRE_IPAM_CLIENT_H\n#include <vpcwire/ipam.h>\nstruct ipam_client;\n"
                    "int ipam_client_call(struct ipam_client *, enum ipam_method_id, const void *, int64_t, void *, struct err *);\n"
                    "#include <vpcwire/ipam_calls.h>\n")
    subprocess.run([sys.argv[1], "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers",
                    f"-I{folder}/made", f"-I{TOP}/include", user, folder / "made/ipam_tables.c"], check=True)


def main():
    tests = {f"refuses {name}": (refuses, case) for name, case in REFUSED.items()}
    tests.update({"what is written": (is_written, ()), "what is written compiles": (compiles, ())})
    failed = 0
    for number, (name, (test, arguments)) in enumerate(tests.items(), 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(pathlib.Path(folder), *arguments)
                print(f"ok {number} - {name}")
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}")
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
    print(f"1..{len(tests)}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
