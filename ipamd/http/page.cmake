# SPDX-License-Identifier: Apache-2.0
# The page's files as rows of a C table, written when the build is configured: vpcwire_make_page(out PATH FILE ...). Every
# byte is written as \xHH, so nothing in a file means anything to CMake or to C.
function(vpcwire_make_page out)
        set(type_html "text/html; charset=utf-8")
        set(type_css "text/css; charset=utf-8")
        set(type_js "text/javascript; charset=utf-8")
        set(type_svg "image/svg+xml")
        set(rows)
        while(ARGN)
                list(POP_FRONT ARGN path file)
                set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
                string(REGEX REPLACE "^.*\\." "" extension "${file}")
                if(NOT DEFINED type_${extension})
                        message(FATAL_ERROR "${file}: no content type is known for .${extension}")
                endif()
                file(READ "${file}" bytes HEX)
                string(REGEX REPLACE "(................................................................)" "\\1\"\n\"" bytes "${bytes}")
                string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
                string(APPEND rows "PAGE_FILE(\"${path}\", \"${type_${extension}}\",\n\"${bytes}\")\n")
        endwhile()
        file(CONFIGURE OUTPUT "${out}" CONTENT "${rows}" @ONLY) # touched only when it differs
endfunction()
