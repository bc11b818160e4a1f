# SPDX-License-Identifier: Apache-2.0
# Files into C arrays: cmake -D OUT=page.c -D "FILES=name=path;name=path" -P page.cmake
set(text "/* Made from the files of serve/page/ by page.cmake. */\n#include <stddef.h>\n\n#include \"serve/see_state.h\"\n\n")
foreach(pair IN LISTS FILES)
        string(REGEX MATCH "^([a-z]+)=(.*)$" _ "${pair}")
        set(name ${CMAKE_MATCH_1})
        file(READ "${CMAKE_MATCH_2}" hex HEX)
        string(LENGTH "${hex}" digits)
        math(EXPR bytes "${digits} / 2")
        string(REGEX REPLACE "(..)" "\\\\x\\1" hex "${hex}")
        # A line of 32 bytes each; adjacent string literals are one.
        string(REGEX REPLACE "(................................................................................................................................)" "\\1\"\n\"" hex "${hex}")
        string(APPEND text "const char see_page_${name}[] = \"${hex}\";\nconst size_t see_page_${name}_bytes = ${bytes};\n\n")
endforeach()
file(WRITE "${OUT}" "${text}")
