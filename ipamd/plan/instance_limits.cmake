# SPDX-License-Identifier: Apache-2.0
# instance-limits.csv -> instance-limits.inc: the rows of a C table, sorted by type as strcmp() sorts, with the ENIs of the
# default network card. vpcwire_make_limits(CSV OUT) runs at configure time; a change of the CSV configures again.
function(vpcwire_make_limits csv out)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${csv}")
        file(READ "${csv}" text)
        string(REPLACE ";" "|" text "${text}") # the cards' separator would split a CMake list
        string(REGEX MATCHALL "[^\n]+" lines "${text}")
        set(rows)
        foreach(line IN LISTS lines)
                if(line MATCHES "^#")
                        continue()
                endif()
                if(NOT line MATCHES "^([a-z0-9.-]+),[0-9]+,([0-9]+),([0-9]+),[a-z]*,[a-z]*,([0-9:|]+)$")
                        message(FATAL_ERROR "${csv}: not a row: ${line}")
                endif()
                set(type ${CMAKE_MATCH_1})
                set(addresses ${CMAKE_MATCH_2})
                set(card ${CMAKE_MATCH_3})
                if(NOT "|${CMAKE_MATCH_4}|" MATCHES "\\|${card}:([0-9]+)\\|")
                        message(FATAL_ERROR "${csv}: ${type} has no network card ${card}")
                endif()
                list(APPEND rows "{\"${type}\", ${CMAKE_MATCH_1}, ${addresses}},")
        endforeach()
        list(SORT rows)
        list(JOIN rows "\n" text)
        file(CONFIGURE OUTPUT "${out}" CONTENT "${text}\n" @ONLY) # touched only when it differs
endfunction()
