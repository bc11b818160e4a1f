vw_test(limits ipamd_plan)
set_property(SOURCE test_limits.c APPEND PROPERTY COMPILE_DEFINITIONS
        LIMITS_CSV="${CMAKE_SOURCE_DIR}/ipamd/plan/instance-limits.csv")
vw_test(plan ipamd_plan)
vw_test(plan_property ipamd_plan)
target_sources(test_plan_property PRIVATE plan_model.c)
