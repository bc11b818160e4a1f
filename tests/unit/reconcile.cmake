# The reconciler's looks and acts against a real store and a scripted EC2; time is a number here.
add_library(test_reconcile_fixture STATIC reconcile_fixture.c store_fixture.c)
target_link_libraries(test_reconcile_fixture PUBLIC vw_flags ipamd_reconcile test_httpd PkgConfig::CMOCKA)
vw_test(look test_reconcile_fixture)
vw_test(look_unreadable test_reconcile_fixture)
vw_test(act test_reconcile_fixture)
vw_test(act_failures test_reconcile_fixture)
vw_test(subnets test_reconcile_fixture)
